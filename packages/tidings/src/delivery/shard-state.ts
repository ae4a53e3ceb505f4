import type { LedgerChange, LogRecord } from '../engine/index.ts'
import { Coalescing } from './coalesce.ts'
import { DueTimes } from './due-times.ts'
import type { Entry, Lease, Moment } from './entry.ts'
import type { FilterHistory } from './filter-history.ts'
import type { EarlierGeneration } from './generations.ts'
import { KeyQueue } from './key-queue.ts'
import { editKey, noCounts, type StoredCounts, type StoredState } from './ledger-form.ts'
import { Passed } from './passed.ts'
import { Unsaved } from './unsaved.ts'

export interface ShardCommit {
  readonly changes: readonly LedgerChange[]
  /** The floor and the generation that hold once the changes are durable, and not before. */
  readonly floor: number
  readonly generation: number
}

/** How an event leaves the books for good. */
export type Ending = 'acknowledged' | 'superseded' | 'skipped' | 'discarded'

/**
 * The books of one shard of a subscription: which events are unfinished and at hand, which keys may move, what is due
 * when. It decides nothing; the delivery machine does.
 */
export class ShardState {
  generation: number
  start: number
  /** Everything at or below was looked at. */
  cursor: number
  leaseMark: number
  watermark: number
  earlier: readonly EarlierGeneration[]
  readonly filters: FilterHistory
  readonly coalescing = new Coalescing()
  readonly holders: Set<string>
  readonly counts: { -readonly [Count in keyof StoredCounts]: number }
  /** A seek has begun: no lease of before counts any more. */
  fenced = false
  /** Entries of the generation before are still to be removed from the ledger. */
  sweeping: boolean
  /** How often something left its place aside: whoever reads the ledger looks whether that happened meanwhile. */
  returns = 0

  readonly entries = new Map<number, Entry>()
  readonly queues = new Map<string, KeyQueue>()
  /** Keys whose head may be handed out, longest ready first; those with a suspect at the head apart. */
  readonly ready = new Set<KeyQueue>()
  readonly suspects = new Set<KeyQueue>()
  /** Keys that could go on with events that are parked. */
  readonly unparkable = new Set<KeyQueue>()
  readonly due = new DueTimes<Entry>()
  readonly passed = new Passed()
  /** Keys that each holder has. */
  readonly held = new Map<string, Set<KeyQueue>>()
  /** How many entries are leased. */
  inFlight = 0
  /** Suspects that are with a holder, and how many may be so at once: see `suspects.ts`. */
  readonly suspectsInFlight = new Set<Entry>()
  suspectsAtOnce = 1
  /** After a crash: nothing at or below it is handed out until the holders of before have spoken. */
  reservedThrough = -1
  readonly unsaved: Unsaved
  /** Dead letters whose consumer never answered: nobody knows whether they were applied, so they hold the floor. */
  readonly crashed = new Set<number>()
  /** Dead letters that their consumer cannot read: they wait for its contract to be brought up to date. */
  readonly unreadable = new Set<number>()

  /** What holds the floor beside events in memory alone: stored entries and crashed dead letters; checked lazily. */
  readonly #holdingFloor = new DueTimes<{ readonly offset: number; readonly gone?: boolean }>()

  constructor(stored: StoredState, earlier: readonly EarlierGeneration[], filters: FilterHistory) {
    this.generation = stored.generation
    this.start = stored.start
    this.cursor = stored.through
    this.unsaved = new Unsaved(stored.through)
    this.leaseMark = stored.leaseMark
    this.watermark = stored.watermark
    this.earlier = earlier
    this.filters = filters
    this.holders = new Set(stored.holders)
    this.counts = { ...stored.counts }
    this.sweeping = stored.sweeping ?? false
  }

  /** Whether a seek is under way: nothing comes in and nothing goes out. */
  get seeking(): boolean {
    return this.fenced || this.sweeping
  }

  /** Says that an entry's own story changed: from now on the ledger keeps one for it. */
  store(entry: Entry): void {
    if (!entry.stored) this.#holdingFloor.add(entry.offset, entry)
    this.unsaved.story(entry)
  }

  addEntry(offset: number, key: string | undefined, record: LogRecord | undefined): Entry {
    const entry: Entry = {
      offset,
      queue: this.queueOf(key),
      state: 'ready',
      attempts: 0,
      counted: false,
      suspect: false,
      stored: false,
      gone: false,
      ...(record ? { record } : {}),
    }
    this.entries.set(offset, entry)
    entry.queue.insert(entry)
    return entry
  }

  queueOf(key: string | undefined): KeyQueue {
    if (key === undefined) return new KeyQueue(undefined)
    let queue = this.queues.get(key)
    if (!queue) this.queues.set(key, (queue = new KeyQueue(key)))
    return queue
  }

  /** Files a key under what its head allows: hand it out, hand it out alone, or nothing. */
  refresh(queue: KeyQueue): void {
    const { head } = queue
    const mayMove =
      head?.state === 'ready' && queue.leased === 0 && !this.isReserved(head) && !this.coalescing.holds(head)
    file(this.ready, queue, mayMove && !head.suspect)
    file(this.suspects, queue, mayMove && head.suspect)
    file(this.unparkable, queue, queue.mayUnpark)
    if (!head && queue.key !== undefined && queue.place === undefined) this.queues.delete(queue.key)
  }

  isReserved(entry: Entry): boolean {
    return entry.offset <= this.reservedThrough
  }

  lease(entry: Entry, lease: Lease): void {
    const { queue } = entry
    entry.state = 'leased'
    entry.lease = lease
    delete entry.due
    queue.leased++
    this.inFlight++
    queue.holder = lease.holder
    let keys = this.held.get(lease.holder)
    if (!keys) this.held.set(lease.holder, (keys = new Set()))
    keys.add(queue)
    this.ready.delete(queue)
    this.suspects.delete(queue)
    this.unsaved.cover(entry.offset)
    if (entry.stored) this.store(entry)
  }

  /** Takes a lease away; what becomes of the entry is the caller's to say, and to `refresh` its key. */
  unlease(entry: Entry): void {
    const { queue } = entry
    this.suspectsInFlight.delete(entry)
    entry.state = 'ready'
    delete entry.lease
    delete entry.due
    queue.leased--
    this.inFlight--
    if (queue.leased === 0 && queue.holder !== undefined) {
      this.held.get(queue.holder)?.delete(queue)
      if (this.held.get(queue.holder)?.size === 0) this.held.delete(queue.holder)
      queue.holder = undefined
      queue.interrupted = false
    }
    if (entry.stored) this.store(entry)
    this.unsaved.touch()
  }

  schedule(entry: Entry, delayMs: number, now: Moment): void {
    entry.due = { monotonic: now.monotonic + delayMs, wall: now.wall + delayMs, delayMs }
    this.due.add(entry.due.monotonic, entry)
  }

  /** Ends an entry for good. */
  finish(entry: Entry, ending: Ending): void {
    this.remove(entry)
    this.#forgetEdit(entry)
    this.counts[ending]++
  }

  /** What an operator put in its place is kept no longer than the event is open. */
  #forgetEdit({ offset, edit }: Entry): void {
    if (edit !== undefined) this.unsaved.write(editKey(offset), null)
  }

  /** Takes an entry out of what is at hand. */
  remove(entry: Entry): void {
    entry.gone = true
    entry.queue.remove(entry)
    this.entries.delete(entry.offset)
    delete entry.record
    this.unsaved.forget(entry)
  }

  /** Everything at or below is settled, aside or did not match; as of now, not as of the last commit. */
  floor(): number {
    for (;;) {
      const { first } = this.#holdingFloor
      if (!first || (first.gone === undefined ? this.crashed.has(first.offset) : !first.gone)) break
      this.#holdingFloor.takeFirst()
    }
    return Math.min(this.cursor, this.unsaved.firstOpen() - 1, this.#holdingFloor.earliest - 1)
  }

  /** What comes back holds the floor again, and so does a dead letter whose consumer never answered. */
  holdFloor(holding: Entry | { readonly offset: number }): void {
    this.#holdingFloor.add(holding.offset, holding)
  }

  /** What the ledger has to learn; `undefined` when it knows everything. */
  takeCommit(): ShardCommit | undefined {
    if (!this.unsaved.dirty) return undefined
    const { through, open } = this.unsaved.settledThrough(this.cursor)
    this.passed.countThrough(through, this.counts)
    const { generation, start, leaseMark, watermark } = this
    const changes = this.unsaved.take({
      generation,
      start,
      through,
      open,
      leaseMark,
      watermark,
      holders: [...this.holders],
      counts: { ...this.counts },
      earlier: this.earlier.map(({ exceptions: _, ...stored }) => stored),
      ...(this.sweeping ? { sweeping: true } : {}),
    })
    return { changes, floor: this.floor(), generation }
  }

  /** Forgets what is at hand; what is aside stays. */
  clear(start: number): void {
    for (const entry of this.entries.values()) {
      entry.gone = true
      this.unsaved.forget(entry)
      this.#forgetEdit(entry)
    }
    for (const index of [this.entries, this.ready, this.suspects, this.held, this.suspectsInFlight]) index.clear()
    this.inFlight = 0
    this.due.clear()
    this.passed.clear()
    this.coalescing.clear()
    this.unsaved.clear(start)
    this.suspectsAtOnce = 1
    this.reservedThrough = -1
    this.start = this.cursor = this.leaseMark = start
    const { dead, parked, scheduled } = this.counts
    Object.assign(this.counts, noCounts, { dead, parked, scheduled, carried: dead + parked + scheduled })
  }
}

function file(set: Set<KeyQueue>, queue: KeyQueue, belongs: boolean): void {
  if (belongs) set.add(queue)
  else set.delete(queue)
}
