import type { LedgerChange, LogRecord } from '../engine/index.ts'
import { DueTimes } from './due-times.ts'
import { KeyQueue, type Entry, type Lease, type Moment } from './entry.ts'
import {
  exceptionKey,
  storeException,
  storeState,
  type EarlierGeneration,
  type StoredCounts,
  type StoredState,
} from './ledger-form.ts'

import { Passed } from './passed.ts'

/** Unfinished events that have no ledger entry of their own stand in the `state` entry; beyond so many the oldest get their own. */
const longestOpenList = 2_048

export interface ShardCommit {
  readonly changes: readonly LedgerChange[]
  /** The floor that holds once the changes are durable, and not before. */
  readonly floor: number
}

/**
 * The books of one shard of a subscription: which events are unfinished, which keys may move, what is due when, and what
 * of all that the ledger does not know yet. It decides nothing; the delivery machine does.
 */
export class ShardState {
  generation: number
  start: number
  /** Everything at or below was looked at. */
  cursor: number
  leaseMark: number
  watermark: number
  earlier: readonly EarlierGeneration[]
  readonly holders: Set<string>
  readonly counts: { -readonly [Count in keyof StoredCounts]: number }

  readonly entries = new Map<number, Entry>()
  readonly queues = new Map<string, KeyQueue>()
  /** Keys whose head may be handed out, longest ready first; those with a suspect at the head apart. */
  readonly ready = new Set<KeyQueue>()
  readonly suspects = new Set<KeyQueue>()
  readonly dead = new Map<number, Entry>()
  readonly due = new DueTimes<Entry>()
  readonly passed = new Passed()
  /** Keys that each holder has. */
  readonly held = new Map<string, Set<KeyQueue>>()
  /** Suspects that are with a holder, and how many may be so at once: see `suspects.ts`. */
  readonly suspectsInFlight = new Set<Entry>()
  suspectsAtOnce = 1
  /** After a crash: nothing at or below it is handed out until the holders of before have spoken. */
  reservedThrough = -1

  /** Unfinished entries without a ledger entry of their own, by offset; finished ones are dropped lazily. */
  #open: Entry[] = []
  /** Offsets of unfinished stored entries that hold the floor; checked lazily. */
  readonly #holdingFloor = new DueTimes<Entry>()
  /** The highest offset that was handed out or changed: up to here the ledger must know each story. */
  #touched: number
  readonly #changed = new Set<Entry>()
  readonly #removed = new Set<number>()
  #dirty = false

  constructor(stored: StoredState) {
    this.generation = stored.generation
    this.start = stored.start
    this.cursor = stored.through
    this.#touched = stored.through
    this.leaseMark = stored.leaseMark
    this.watermark = stored.watermark
    this.earlier = stored.earlier
    this.holders = new Set(stored.holders)
    this.counts = { ...stored.counts }
  }

  get dirty(): boolean {
    return this.#dirty
  }

  /** Says that the `state` entry has to be written. */
  touch(): void {
    this.#dirty = true
  }

  /** Says that an entry's own story changed: from now on the ledger keeps one for it. */
  store(entry: Entry): void {
    if (!entry.stored) {
      entry.stored = true
      this.#holdingFloor.add(entry.offset, entry)
    }
    this.#touched = Math.max(this.#touched, entry.offset)
    this.#changed.add(entry)
    this.#removed.delete(entry.offset)
    this.#dirty = true
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
      finished: false,
      ...(record ? { record } : {}),
    }
    this.entries.set(offset, entry)
    entry.queue.insert(entry)
    return entry
  }

  /** Entries come in order of their offsets, except at recovery. */
  addOpen(entry: Entry): void {
    this.#open.push(entry)
  }

  queueOf(key: string | undefined): KeyQueue {
    if (key === undefined) return new KeyQueue(undefined)
    let queue = this.queues.get(key)
    if (!queue) this.queues.set(key, (queue = new KeyQueue(key)))
    return queue
  }

  /** Files a key under what its head allows: hand it out, hand it out alone, or nothing. */
  refresh(queue: KeyQueue): void {
    const head = queue.head
    const mayMove = head?.state === 'ready' && queue.leased === 0 && !this.isReserved(head)
    if (!mayMove || head.suspect) this.ready.delete(queue)
    else this.ready.add(queue)
    if (!mayMove || !head.suspect) this.suspects.delete(queue)
    else this.suspects.add(queue)
    if (!head && queue.key !== undefined && this.queues.get(queue.key) === queue) this.queues.delete(queue.key)
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
    queue.holder = lease.holder
    let keys = this.held.get(lease.holder)
    if (!keys) this.held.set(lease.holder, (keys = new Set()))
    keys.add(queue)
    this.ready.delete(queue)
    this.suspects.delete(queue)
    this.#touched = Math.max(this.#touched, entry.offset)
    if (entry.stored) this.store(entry)
    this.#dirty = true
  }

  /** Takes a lease away; what becomes of the entry is the caller's to say, and to `refresh` its key. */
  unlease(entry: Entry): void {
    const { queue } = entry
    this.suspectsInFlight.delete(entry)
    entry.state = 'ready'
    delete entry.lease
    delete entry.due
    queue.leased--
    if (queue.leased === 0 && queue.holder !== undefined) {
      this.held.get(queue.holder)?.delete(queue)
      if (this.held.get(queue.holder)?.size === 0) this.held.delete(queue.holder)
      queue.holder = undefined
    }
    if (entry.stored) this.store(entry)
    this.#dirty = true
  }

  schedule(entry: Entry, delayMs: number, now: Moment): void {
    entry.due = { monotonic: now.monotonic + delayMs, wall: now.wall + delayMs, delayMs }
    this.due.add(entry.due.monotonic, entry)
  }

  /** Ends an entry for good. */
  finish(entry: Entry, count: 'acknowledged' | 'superseded' | 'skipped'): void {
    entry.finished = true
    entry.queue.remove(entry)
    this.entries.delete(entry.offset)
    this.dead.delete(entry.offset)
    delete entry.record
    this.#changed.delete(entry)
    if (entry.stored) this.#removed.add(entry.offset)
    this.#touched = Math.max(this.#touched, entry.offset)
    this.counts[count]++
    this.#dirty = true
  }

  /** Everything at or below is settled or did not match; as of now, not as of the last commit. */
  floor(): number {
    while (this.#open[0]?.finished || this.#open[0]?.stored) this.#open.shift()
    for (;;) {
      const first = this.#holdingFloor.first
      if (!first || holdsFloor(first)) break
      this.#holdingFloor.takeFirst()
    }
    return Math.min(this.cursor, (this.#open[0]?.offset ?? Infinity) - 1, this.#holdingFloor.earliest - 1)
  }

  /** A dead letter that is handed back holds the floor again. */
  holdFloor(entry: Entry): void {
    this.#holdingFloor.add(entry.offset, entry)
  }

  /** What the ledger has to learn; `undefined` when it knows everything. */
  takeCommit(): ShardCommit | undefined {
    if (!this.#dirty) return undefined
    this.#spill()
    const { through, open } = this.#settledThrough()
    this.passed.countThrough(through, this.counts)
    const changes = [storeState(this.#stored(through, open))]
    for (const entry of this.#changed) changes.push(storeException(entry))
    for (const offset of this.#removed) changes.push({ key: exceptionKey(offset), value: null })
    this.#changed.clear()
    this.#removed.clear()
    this.#dirty = false
    return { changes, floor: this.floor() }
  }

  /** Forgets every entry, in memory and in the ledger: a seek. */
  clear(start: number): void {
    for (const entry of this.entries.values()) {
      entry.finished = true
      if (entry.stored) this.#removed.add(entry.offset)
    }
    for (const index of [this.entries, this.queues, this.ready, this.suspects, this.dead, this.held]) index.clear()
    this.due.clear()
    this.#holdingFloor.clear()
    this.#changed.clear()
    this.#open = []
    this.passed.clear()
    this.suspectsInFlight.clear()
    this.suspectsAtOnce = 1
    this.start = this.cursor = this.#touched = this.leaseMark = start
    Object.assign(this.counts, { acknowledged: 0, filtered: 0, superseded: 0, skipped: 0 })
    this.#dirty = true
  }

  /** Gives the oldest open entries an entry of their own where the list has grown too long. */
  #spill(): void {
    this.#open = this.#open.filter((entry) => !entry.finished && !entry.stored)
    const untouched = this.#open.findIndex((entry) => entry.offset > this.#touched)
    const listed = untouched < 0 ? this.#open.length : untouched
    for (const entry of this.#open.slice(0, Math.max(0, listed - longestOpenList))) {
      this.store(entry)
      if (entry.state !== 'leased') delete entry.record
    }
  }

  /** How far the `state` entry can speak for, and what is unfinished up to there. */
  #settledThrough(): { through: number; open: number[] } {
    const open: number[] = []
    for (const entry of this.#open) {
      if (entry.stored) continue
      // Untouched entries at the end need no mention: they are read again from the log.
      if (entry.offset > this.#touched) return { through: entry.offset - 1, open }
      open.push(entry.offset)
    }
    return { through: this.cursor, open }
  }

  #stored(through: number, open: readonly number[]): StoredState {
    return {
      generation: this.generation,
      start: this.start,
      through,
      open,
      leaseMark: this.leaseMark,
      holders: [...this.holders],
      counts: { ...this.counts },
      watermark: this.watermark,
      earlier: this.earlier,
    }
  }

  /** How many unfinished events are in memory alone. */
  get openSize(): number {
    return this.#open.length
  }
}

/** A dead letter is settled, unless its consumer died of it: then nobody knows whether it was applied. */
function holdsFloor(entry: Entry): boolean {
  return !entry.finished && (entry.state !== 'dead' || entry.dead?.crashed === true)
}
