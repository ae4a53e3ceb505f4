import type { LogRecord } from '../engine/index.ts'
import type { Random } from '../environment/index.ts'
import type { Entry, Moment } from './entry.ts'
import type { KeyQueue } from './key-queue.ts'
import type { StoredException, StoredState } from './ledger-form.ts'
import { parseLeaseToken, type LeaseToken } from './lease-token.ts'
import { retryDelayMs, type DeliveryPolicy, type ReplayEffects } from './policy.ts'
import { recover } from './recovery.ts'
import { ShardState, type ShardCommit } from './shard-state.ts'

/** Consecutive events of one key that one holder may have at once. */
const longestRun = 64
/** By how much the lease mark is raised at a time, so that most hand-outs need no commit. */
const leaseMarkStep = 1_000
const wantedReadyKeys = 500
const longestReadAhead = 4_000
/** How long the leases of a stream that broke wait for its holder to come back. */
export const graceMs = 2_000

export interface MachineOptions {
  readonly shard: number
  /** The epoch of the ownership: makes lease ids unique for ever. */
  readonly epoch: number
  readonly policy: DeliveryPolicy
  readonly types: readonly string[] | undefined
  readonly random: Random
}

export interface ClaimOptions {
  readonly holder: string
  readonly max: number
  /** For a pull: how long the leases last. A stream's last as long as the stream. */
  readonly leaseMs?: number
  /** Suspects are handed out one at a time per subscription; somebody who sees all its shards may forbid one more. */
  readonly noSuspect?: boolean
}

export interface Claim {
  readonly entries: readonly Entry[]
  /** Whether a commit has to be durable before anybody may see these. */
  readonly commitFirst: boolean
}

export type SettleStatus = 'settled' | 'lease-lost' | 'lease-out-of-order'

export type SettleAction =
  | { readonly action: 'ack' }
  | { readonly action: 'retry'; readonly reason: string; readonly afterMs?: number }
  | { readonly action: 'dead-letter'; readonly reason: string }
  | { readonly action: 'wait'; readonly reason: string; readonly afterMs?: number }
  | { readonly action: 'release' }

const longestWaitMs = 60_000

/**
 * The delivery state machine of one shard of one subscription; one for all engines.
 *
 * It is pure: events are offered to it, time is told to it, and what the ledger has to learn is taken from it with
 * `takeCommit`. Its invariants: a key has one holder at a time; the events of a key are settled in their order; nothing
 * is lost by a crash between any two commits; nothing above the committed lease mark was ever handed out; a floor is
 * told to consumers only once it is durable. The states of an event stand in `entry.ts`.
 */
export class DeliveryMachine {
  readonly state: ShardState
  readonly #options: MachineOptions
  #policy: DeliveryPolicy
  #types: ReadonlySet<string> | undefined
  #leases = 0
  #commitFirst = false
  /** Streams that broke, and those of before a crash: when their grace ends. */
  readonly #missing = new Map<string, number>()

  constructor(
    options: MachineOptions,
    stored: { state: StoredState; exceptions: readonly StoredException[]; open: readonly LogRecord[] },
    now: Moment,
  ) {
    this.#options = options
    this.#policy = options.policy
    this.#types = options.types && new Set(options.types)
    this.state = new ShardState(stored.state)
    recover(this.state, stored, now)
    this.#continuePastDead()
    for (const holder of this.state.holders) this.#missing.set(holder, now.monotonic + graceMs)
    if (this.#missing.size > 0) this.state.reservedThrough = this.state.leaseMark
    for (const { queue } of this.state.entries.values()) this.state.refresh(queue)
  }

  configure(policy: DeliveryPolicy, types: readonly string[] | undefined): void {
    this.#policy = policy
    this.#types = types && new Set(types)
    this.#continuePastDead()
  }

  /** Under the policy `continue` a dead letter stands beside its key, not in front of it. */
  #continuePastDead(): void {
    if (this.#policy.onDeadLetter !== 'continue') return
    for (const { queue } of this.state.dead.values()) {
      if (queue.head?.state !== 'dead') continue
      queue.remove(queue.head)
      this.state.refresh(queue)
    }
  }

  matches(record: LogRecord): boolean {
    return !this.#types || this.#types.has(record.event.type)
  }

  // ------------------------------------------------------------------------------------------------ in from the log

  /** Whether more events would help: too few keys may move, and memory is not full of those that may not. */
  get hungry(): boolean {
    return this.state.ready.size < wantedReadyKeys && this.state.openSize < longestReadAhead
  }

  /**
   * Takes the next records of the log, in order, up to `until`. `missing` counts events in between that are not there
   * any more or cannot be read.
   */
  offer(records: readonly LogRecord[], until: number, missing = 0): void {
    if (missing > 0) this.state.pass(records[0]?.offset ?? until, 'skipped', missing)
    for (const record of records) {
      if (record.stale || record.erased) this.state.pass(record.offset, 'skipped')
      else if (!this.matches(record)) this.state.pass(record.offset, 'filtered')
      else this.#enqueue(record)
    }
    if (until > this.state.cursor) {
      this.state.cursor = until
      this.state.touch()
    }
  }

  #enqueue(record: LogRecord): void {
    const entry = this.state.addEntry(record.offset, record.event.key, record)
    this.state.addOpen(entry)
    if (entry.queue.head?.state === 'dead') this.#park(entry)
    this.#supersede(entry.queue)
    this.state.refresh(entry.queue)
  }

  /** Behind a dead letter it may wait for months: the ledger remembers it, memory forgets its payload. */
  #park(entry: Entry): void {
    this.state.store(entry)
    delete entry.record
  }

  /** Under the policy `supersede`, a head in trouble gives way to the newest state of its key. */
  #supersede(queue: KeyQueue): void {
    const head = queue.head
    if (this.#policy.onDeadLetter !== 'supersede' || !head || queue.leased > 0 || queue.key === undefined) return
    if (head.state !== 'retrying' && head.state !== 'dead') return
    for (const entry of queue.entries.slice(0, -1)) this.state.finish(entry, 'superseded')
  }

  // -------------------------------------------------------------------------------------------------------- handing out

  claim({ holder, max, leaseMs, noSuspect = false }: ClaimOptions, now: Moment): Claim {
    const taken: Entry[] = []
    const take = (entry: Entry): void => {
      this.#lease(entry, holder, leaseMs, now)
      taken.push(entry)
    }
    if (leaseMs === undefined && !this.state.holders.has(holder)) this.#attach(holder)
    const suspect = max > 0 && !noSuspect ? this.#nextSuspect(now) : undefined
    if (suspect) take(suspect)
    const alone = suspect?.queue
    for (const queue of this.state.ready) {
      if (taken.length >= max) break
      take(queue.head!)
    }
    for (const queue of this.state.held.get(holder) ?? []) {
      if (queue === alone) continue
      for (let next = queue.nextOfRun(longestRun); next && taken.length < max; next = queue.nextOfRun(longestRun)) {
        if (next.state !== 'ready' || next.suspect || queue.head!.suspect || this.state.isReserved(next)) break
        take(next)
      }
    }
    taken.sort((left, right) => left.offset - right.offset)
    const commitFirst = taken.length > 0 && this.#commitFirst
    if (commitFirst) this.#commitFirst = false
    return { entries: taken, commitFirst }
  }

  #attach(holder: string): void {
    this.state.holders.add(holder)
    this.state.touch()
    this.#commitFirst = true
  }

  /** Suspects go one at a time, each attempt counted before it is made; those that used theirs up are buried. */
  #nextSuspect(now: Moment): Entry | undefined {
    if (this.state.suspectInFlight) return undefined
    for (const queue of this.state.suspects) {
      const entry = queue.head!
      if (entry.attempts < this.#policy.retry.maxAttempts) {
        entry.attempts++
        entry.counted = true
        this.state.store(entry)
        this.state.suspectInFlight = entry
        this.#commitFirst = true
        return entry
      }
      this.#bury(entry, `Its consumer ended without an answer ${entry.attempts} times.`, true, now)
    }
    return undefined
  }

  #lease(entry: Entry, holder: string, leaseMs: number | undefined, now: Moment): void {
    this.state.lease(entry, { id: `${this.#options.epoch}-${++this.#leases}`, holder, pull: leaseMs !== undefined })
    if (leaseMs !== undefined) {
      this.state.schedule(entry, leaseMs, now)
      this.state.store(entry)
      this.#commitFirst = true
    }
    if (entry.offset > this.state.leaseMark) {
      this.state.leaseMark = entry.offset + leaseMarkStep
      this.#commitFirst = true
    }
  }

  token(entry: Entry): LeaseToken {
    return { shard: this.#options.shard, generation: this.state.generation, offset: entry.offset, id: entry.lease!.id }
  }

  /** What an earlier generation that acknowledged this event asks of its replay; `undefined` for a first delivery. */
  replay({ offset, record }: Entry): ReplayEffects | undefined {
    const type = record?.event.type
    return this.state.earlier.find(
      ({ start, through, exceptions, types }) =>
        offset > start &&
        offset <= through &&
        (!types || (type !== undefined && types.includes(type))) &&
        !exceptions.includes(offset),
    )?.effects
  }

  // ----------------------------------------------------------------------------------------------------------- coming back

  settle(token: LeaseToken, outcome: SettleAction, now: Moment): SettleStatus {
    const entry = this.#leased(token)
    if (!entry) return 'lease-lost'
    if (outcome.action !== 'release' && entry.queue.firstLeased() !== entry) return 'lease-out-of-order'
    if (outcome.action === 'ack') {
      this.state.unlease(entry)
      this.state.finish(entry, 'acknowledged')
    } else {
      this.#returnRest(entry)
      this.state.unlease(entry)
      this.#disappoint(entry, outcome, now)
      entry.counted = false
      entry.suspect = false
    }
    this.#supersede(entry.queue)
    this.state.refresh(entry.queue)
    return 'settled'
  }

  #disappoint(entry: Entry, outcome: Exclude<SettleAction, { action: 'ack' }>, now: Moment): void {
    switch (outcome.action) {
      case 'retry':
        if (!entry.counted) entry.attempts++
        return this.#retry(entry, outcome.reason, { afterMs: outcome.afterMs ?? 0, crashed: false }, now)
      case 'dead-letter':
        if (!entry.counted) entry.attempts++
        return this.#bury(entry, outcome.reason, false, now)
      case 'wait':
        if (entry.counted) entry.attempts--
        entry.state = 'waiting'
        entry.reason = outcome.reason
        this.state.schedule(entry, Math.min(outcome.afterMs ?? longestWaitMs, longestWaitMs), now)
        return this.state.store(entry)
      case 'release':
        if (entry.counted) entry.attempts--
        if (entry.stored) this.state.store(entry)
    }
  }

  #retry(entry: Entry, reason: string, { afterMs, crashed }: { afterMs: number; crashed: boolean }, now: Moment): void {
    const { retry } = this.#policy
    if (entry.attempts >= retry.maxAttempts) return this.#bury(entry, reason, crashed, now)
    entry.state = 'retrying'
    entry.reason = reason
    this.state.schedule(entry, Math.max(afterMs, retryDelayMs(retry, entry.attempts, this.#options.random.next())), now)
    this.state.store(entry)
  }

  #bury(entry: Entry, reason: string, crashed: boolean, now: Moment): void {
    entry.state = 'dead'
    entry.reason = reason
    entry.dead = { at: now.wall, crashed }
    this.state.dead.set(entry.offset, entry)
    this.state.store(entry)
    if (this.#policy.onDeadLetter === 'continue') entry.queue.remove(entry)
    this.#supersede(entry.queue)
    this.state.refresh(entry.queue)
  }

  /** A run ends where one of it fails: what its holder has behind it goes back unattempted. */
  #returnRest(entry: Entry): void {
    for (const later of entry.queue.entries) {
      if (later.offset <= entry.offset || later.state !== 'leased') continue
      this.state.unlease(later)
    }
  }

  #leased(token: LeaseToken): Entry | undefined {
    const entry = this.state.entries.get(token.offset)
    return token.generation === this.state.generation && entry?.lease?.id === token.id ? entry : undefined
  }

  /** Makes a pull's lease, and those of its run, last `leaseMs` from now. */
  renew(token: LeaseToken, leaseMs: number, now: Moment): SettleStatus {
    const entry = this.#leased(token)
    if (!entry?.lease) return 'lease-lost'
    for (const other of entry.queue.entries) {
      if (!other.lease?.pull || other.lease.holder !== entry.lease.holder) continue
      this.state.schedule(other, leaseMs, now)
      this.state.store(other)
    }
    return 'settled'
  }

  // ------------------------------------------------------------------------------------------------------------- holders

  /** A holder (again) has a stream and presents the leases that it still has; answers those that it keeps. */
  present(holder: string, tokens: readonly string[]): ReadonlySet<string> {
    const presented = new Map<Entry, { text: string; id: string }>()
    const parsed = tokens.map((text) => ({ text, token: parseLeaseToken(text) }))
    parsed.sort((left, right) => (left.token?.offset ?? 0) - (right.token?.offset ?? 0))
    for (const { text, token } of parsed) {
      if (token?.shard !== this.#options.shard || token.generation !== this.state.generation) continue
      const entry = this.state.entries.get(token.offset)
      if (!entry || !this.#keep(entry, holder, token)) continue
      presented.set(entry, { text, id: token.id })
    }
    // What it does not present never reached it.
    for (const queue of this.state.held.get(holder) ?? []) {
      const lost = queue.entries.find((entry) => entry.state === 'leased' && !presented.has(entry))
      if (lost) this.#giveBack(lost)
    }
    this.#missing.delete(holder)
    this.#endReserveIfComplete()
    return new Set([...presented].filter(([entry, { id }]) => entry.lease?.id === id).map(([, { text }]) => text))
  }

  #keep(entry: Entry, holder: string, token: LeaseToken): boolean {
    if (entry.lease) return entry.lease.id === token.id && entry.lease.holder === holder
    // After a crash: the lease itself is forgotten, but nobody else can have had it.
    const mayHold = this.state.isReserved(entry) && this.#missing.has(holder) && entry.state === 'ready'
    const earlierAreHeld = entry.queue.entries.every((other) => other.offset >= entry.offset || other.lease?.holder === holder)
    if (!mayHold || !earlierAreHeld) return false
    this.state.lease(entry, { id: token.id, holder, pull: false })
    return true
  }

  #giveBack(entry: Entry): void {
    if (entry.counted) entry.attempts--
    entry.counted = false
    this.#returnRest(entry)
    this.state.unlease(entry)
    this.state.refresh(entry.queue)
  }

  /** A stream ended in good order: its leases return unattempted. */
  detach(holder: string): void {
    for (const queue of [...(this.state.held.get(holder) ?? [])]) {
      const first = queue.firstLeased()
      if (first) this.#giveBack(first)
    }
    this.state.holders.delete(holder)
    this.#missing.delete(holder)
    this.state.touch()
    this.#endReserveIfComplete()
  }

  /** A stream broke: its leases wait for the grace, then its unfinished events are suspects. */
  abandon(holder: string, now: Moment): void {
    if (this.state.holders.has(holder)) this.#missing.set(holder, now.monotonic + graceMs)
  }

  // ---------------------------------------------------------------------------------------------------------------- time

  /** Does what is due. */
  tick(now: Moment): void {
    while (this.state.due.earliest <= now.monotonic) {
      const entry = this.state.due.takeFirst()!
      if (entry.finished || !entry.due || entry.due.monotonic > now.monotonic) continue
      if (entry.state === 'leased') this.#suspect(entry, now)
      else this.#makeReady(entry)
    }
    for (const [holder, until] of [...this.#missing]) {
      if (until <= now.monotonic) this.#giveUp(holder, now)
    }
  }

  /** When `tick` has something to do, on the monotonic clock; `Infinity` when never. */
  nextDueAt(): number {
    return Math.min(this.state.due.earliest, ...this.#missing.values())
  }

  #makeReady(entry: Entry): void {
    entry.state = 'ready'
    delete entry.due
    this.state.store(entry)
    this.state.refresh(entry.queue)
  }

  /** Nobody knows what became of a leased event: alone from now on, and with backoff if it was alone already. */
  #suspect(entry: Entry, now: Moment): void {
    const rest = entry.queue.entries.filter((other) => other.offset >= entry.offset && other.lease?.holder === entry.lease?.holder)
    for (const other of rest) {
      this.state.unlease(other)
      other.suspect = true
      this.state.store(other)
    }
    if (entry.counted) this.#retry(entry, 'Its consumer ended without an answer.', { afterMs: 0, crashed: true }, now)
    entry.counted = false
    this.#supersede(entry.queue)
    this.state.refresh(entry.queue)
  }

  #giveUp(holder: string, now: Moment): void {
    for (const queue of [...(this.state.held.get(holder) ?? [])]) {
      const first = queue.firstLeased()
      if (first) this.#suspect(first, now)
    }
    if (this.state.reservedThrough >= 0) this.#suspectReserved()
    this.state.holders.delete(holder)
    this.#missing.delete(holder)
    this.state.touch()
    this.#endReserveIfComplete()
  }

  /** A holder of before the crash did not come back: what was within its reach and nobody presented is suspect. */
  #suspectReserved(): void {
    const queues = new Set([...this.state.entries.values()].map((entry) => entry.queue))
    for (const queue of queues) {
      for (const entry of queue.entries) {
        if (entry.state !== 'ready' || !this.state.isReserved(entry)) break
        entry.suspect = true
        this.state.store(entry)
      }
    }
  }

  #endReserveIfComplete(): void {
    if (this.state.reservedThrough < 0 || this.#missing.size > 0) return
    this.state.reservedThrough = -1
    for (const { queue } of this.state.entries.values()) this.state.refresh(queue)
  }

  // ------------------------------------------------------------------------------------------------------------ operators

  /** Hands out again what waits for data; answers whether it did wait. */
  wake(offset: number): boolean {
    const entry = this.state.entries.get(offset)
    if (entry?.state !== 'waiting') return false
    this.#makeReady(entry)
    return true
  }

  /** Hands a dead letter back, with all its attempts; `false` when it is not dead (any more). */
  redrive(offset: number): boolean {
    const entry = this.state.dead.get(offset)
    if (!entry) return false
    this.state.dead.delete(offset)
    delete entry.dead
    entry.attempts = 0
    entry.suspect = false
    this.state.holdFloor(entry)
    if (!entry.queue.entries.includes(entry)) {
      const { key } = entry.queue
      if (key !== undefined) entry.queue = this.state.queueOf(key)
      entry.queue.insert(entry)
    }
    this.#makeReady(entry)
    return true
  }

  /** Begins a new generation after `start`: fences all leases and drops every retry, park and dead letter. */
  seek(start: number, effects: ReplayEffects): void {
    const unfinished = [...this.state.entries.keys()].sort((left, right) => left - right)
    const through = this.state.cursor
    const earlier = { start: this.state.start, through, exceptions: unfinished, effects, ...(this.#types ? { types: [...this.#types] } : {}) }
    this.state.earlier = [earlier, ...this.state.earlier.map((generation) => ({ ...generation, effects }))].filter(
      (generation) => generation.through > start,
    )
    this.state.clear(start)
    this.state.generation++
  }

  keepWatermark(watermark: number): void {
    if (watermark <= this.state.watermark) return
    this.state.watermark = watermark
    this.state.touch()
  }

  takeCommit(): ShardCommit | undefined {
    return this.state.takeCommit()
  }
}

