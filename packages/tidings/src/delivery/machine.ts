import type { LedgerEntry } from '../engine/index.ts'
import type { Random } from '../environment/index.ts'
import type { SubscriptionFilter } from '../event/index.ts'
import { Aside, type Load } from './aside.ts'
import type { Entry, Moment } from './entry.ts'
import { Intake } from './intake.ts'
import type { KeyQueue } from './key-queue.ts'
import type { LeaseToken } from './lease-token.ts'
import type { SettleAction, SettleStatus } from './outcome.ts'
import type { DeliveryPolicy, ReplayEffects } from './policy.ts'
import { acknowledgeEarlier, replayOf } from './generations.ts'
import { Holders } from './holders.ts'
import { recover, type Stored } from './recovery.ts'
import { Outage } from './outage.ts'
import { Overtaking } from './overtake.ts'
import { Schedule } from './schedule.ts'
import { Seek } from './seek.ts'
import type { ShardCommit, ShardState } from './shard-state.ts'
import { Suspects } from './suspects.ts'
import { Transitions } from './transitions.ts'

/** Consecutive events of one key that one holder may have at once. */
const longestRun = 64
/** By how much the lease mark is raised at a time, so that most hand-outs need no commit. */
const leaseMarkStep = 100

export interface MachineOptions {
  readonly shard: number
  /** The epoch of the ownership: makes lease ids unique for ever. */
  readonly epoch: number
  readonly policy: DeliveryPolicy
  readonly filter: SubscriptionFilter
  readonly random: Random
  /** One for all shards of the subscription. */
  readonly outage?: Outage
}

export interface ClaimOptions {
  readonly holder: string
  readonly max: number
  /** For a pull: how long the leases last. A stream's last as long as the stream. */
  readonly leaseMs?: number
  /** Suspects of one shard at a time per subscription: somebody who sees all its shards may forbid them to this one. */
  readonly noSuspects?: boolean
}

export interface Claim {
  readonly entries: readonly Entry[]
  /** Whether a commit has to be durable before anybody may see these. */
  readonly commitFirst: boolean
}

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
  /** Where events come in from the log. */
  readonly intake: Intake
  /** Who has streams. */
  readonly holders: Holders
  /** Dead letters and parked events. */
  readonly aside: Aside
  readonly schedule: Schedule
  /** Moves to another place of the log. */
  readonly seeking: Seek
  readonly overtaking: Overtaking
  readonly #options: MachineOptions
  readonly #transitions: Transitions
  readonly #outage: Outage
  readonly #suspects: Suspects
  #leases = 0
  #commitFirst = false

  constructor(options: MachineOptions, stored: Stored, now: Moment) {
    this.#options = options
    this.state = recover(stored, now)
    this.aside = new Aside(this.state)
    this.schedule = new Schedule(this.state)
    this.#outage = options.outage ?? new Outage(options.policy)
    this.#transitions = new Transitions(this.state, this.aside, { ...options, outage: this.#outage })
    this.#suspects = new Suspects(this.state, this.#transitions)
    const { aside, schedule } = this
    this.intake = new Intake(this.state, { transitions: this.#transitions, aside, schedule })
    this.seeking = new Seek(this.state, this.aside, this.schedule)
    this.overtaking = new Overtaking(this.state, { intake: this.intake, aside, schedule })
    this.state.filters.set(this.state, options.filter)
    this.#transitions.applyPolicy()
    this.holders = new Holders(options.shard, this.state, this.#transitions, now)
    for (const { queue } of this.state.entries.values()) this.state.refresh(queue)
    this.state.coalescing.collapseAll(this.state)
  }

  configure(policy: DeliveryPolicy, filter: SubscriptionFilter): void {
    this.#transitions.policy = policy
    this.state.filters.set(this.state, filter)
    this.#outage.policy = policy
    this.#transitions.applyPolicy()
    this.state.coalescing.collapseAll(this.state)
  }

  // -------------------------------------------------------------------------------------------------------- handing out

  claim({ holder, max, leaseMs, noSuspects = false }: ClaimOptions, now: Moment): Claim {
    const taken: Entry[] = []
    const take = (entry: Entry): void => {
      this.#lease(entry, holder, leaseMs, now)
      taken.push(entry)
    }
    if (this.state.seeking) return { entries: taken, commitFirst: false }
    if (leaseMs === undefined && !this.state.holders.has(holder)) this.#attach(holder)
    if (!noSuspects) for (const suspect of this.#suspects.take(max, now)) take(suspect)
    for (const queue of this.state.ready) {
      if (taken.length >= max) break
      take(queue.head!)
    }
    // Runs grow by one event a turn, so that what is in flight stays together in the log.
    for (let before = -1; before < taken.length && taken.length < max;) {
      before = taken.length
      for (const queue of this.state.held.get(holder) ?? []) {
        const next = this.#nextOfRun(queue)
        if (next) take(next)
        if (taken.length >= max) break
      }
    }
    taken.sort((left, right) => left.offset - right.offset)
    const commitFirst = taken.length > 0 && this.#commitFirst
    if (commitFirst) this.#commitFirst = false
    return { entries: taken, commitFirst }
  }

  #nextOfRun(queue: KeyQueue): Entry | undefined {
    const next = this.state.coalescing.on ? undefined : queue.nextOfRun(longestRun)
    const mayFollow = next?.state === 'ready' && !next.suspect && !queue.head!.suspect && !this.state.isReserved(next)
    return mayFollow ? next : undefined
  }

  #attach(holder: string): void {
    this.state.holders.add(holder)
    this.state.unsaved.touch()
    this.#commitFirst = true
  }

  #lease(entry: Entry, holder: string, leaseMs: number | undefined, now: Moment): void {
    this.state.lease(entry, { id: `${this.#options.epoch}-${++this.#leases}`, holder, pull: leaseMs !== undefined })
    this.state.coalescing.handOut(entry, now)
    if (leaseMs !== undefined) {
      this.state.schedule(entry, leaseMs, now)
      this.state.store(entry)
      this.#commitFirst = true
    }
    this.#outage.handedOut(entry, now)
    if (entry.counted) this.#commitFirst = true
    if (entry.offset > this.state.leaseMark) {
      this.state.leaseMark = entry.offset + leaseMarkStep
      this.#commitFirst = true
    }
  }

  token(entry: Entry): LeaseToken {
    return { shard: this.#options.shard, generation: this.state.generation, offset: entry.offset, id: entry.lease!.id }
  }

  /** What an earlier generation that acknowledged this event asks of its replay; `undefined` for a first delivery. Its record is at hand. */
  replay(entry: Entry): ReplayEffects | undefined {
    return replayOf(this.state, entry)
  }

  // ----------------------------------------------------------------------------------------------------------- coming back

  settle(token: LeaseToken, outcome: SettleAction, now: Moment): SettleStatus {
    const entry = this.#leased(token)
    if (!entry) return 'lease-lost'
    if (outcome.action !== 'release' && entry.queue.firstLeased() !== entry) return 'lease-out-of-order'
    if (outcome.action === 'ack') {
      this.state.unlease(entry)
      this.state.finish(entry, 'acknowledged')
      acknowledgeEarlier(this.state, entry.offset)
      this.#outage.succeeded()
    } else {
      this.#transitions.returnRest(entry)
      this.state.unlease(entry)
      this.#transitions.disappoint(entry, outcome, now)
      entry.counted = false
      entry.suspect = false
    }
    this.#transitions.supersede(entry.queue)
    this.state.refresh(entry.queue)
    return 'settled'
  }

  /** The event of a lease is not there any more, or cannot be read: nobody needs it. */
  skip(token: LeaseToken): void {
    const entry = this.#leased(token)
    if (!entry) return
    this.state.unlease(entry)
    this.state.finish(entry, 'skipped')
    this.state.refresh(entry.queue)
  }

  /** Whether a lease has not ended. */
  holds(token: LeaseToken): boolean {
    return this.#leased(token) !== undefined
  }

  #leased(token: LeaseToken): Entry | undefined {
    const entry = this.state.entries.get(token.offset)
    const holds = token.generation === this.state.generation && entry?.lease?.id === token.id
    return holds && !this.state.seeking ? entry : undefined
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

  // ---------------------------------------------------------------------------------------------------------------- time

  /** Does what is due. */
  tick(now: Moment): void {
    if (this.state.seeking) return
    this.#transitions.excuses.follow(now)
    while (this.state.due.earliest <= now.monotonic) {
      const entry = this.state.due.takeFirst()!
      if (entry.gone || !entry.due || entry.due.monotonic > now.monotonic) continue
      if (entry.state === 'leased') this.#transitions.suspect(entry, now)
      else this.#transitions.makeReady(entry)
    }
    this.schedule.tick(now, (offset, key) => this.#transitions.comeDue(offset, key))
    this.state.coalescing.tick(this.state, now)
    this.holders.tick(now)
  }

  /** When `tick` has something to do, on the monotonic clock; `Infinity` when never. */
  nextDueAt(now: Moment): number {
    if (this.state.seeking) return Infinity
    return Math.min(
      this.state.due.earliest,
      this.state.coalescing.nextDueAt(),
      this.schedule.nextDueAt(now),
      this.holders.nextDueAt(),
    )
  }

  /** A part of the ledger to be read, once what changed before is committed; what it holds goes to `loaded`. */
  nextLoad(now: Moment): Load | undefined {
    if (this.state.seeking) return undefined
    return this.schedule.nextLoad(now) ?? this.aside.nextLoad()
  }

  loaded(load: Load, entries: readonly LedgerEntry[]): void {
    if (load.of === 'schedule') this.schedule.loaded(entries)
    else this.aside.loaded(entries)
  }

  // ------------------------------------------------------------------------------------------------------------ operators

  /** Hands out again what waits for data; answers whether it did wait. */
  wake(offset: number): boolean {
    const entry = this.state.entries.get(offset)
    if (entry?.state !== 'waiting') return false
    this.#transitions.makeReady(entry)
    return true
  }

  keepWatermark(watermark: number): void {
    if (watermark <= this.state.watermark) return
    this.state.watermark = watermark
    this.state.unsaved.touch()
  }

  takeCommit(): ShardCommit | undefined {
    this.aside.makeRoom()
    return this.state.takeCommit()
  }
}
