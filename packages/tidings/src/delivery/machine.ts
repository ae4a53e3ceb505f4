import type { LogRecord } from '../engine/index.ts'
import type { Random } from '../environment/index.ts'
import type { Entry, KeyQueue, Moment } from './entry.ts'
import type { StoredException, StoredState } from './ledger-form.ts'
import { Intake } from './intake.ts'
import type { LeaseToken } from './lease-token.ts'
import type { SettleAction, SettleStatus } from './outcome.ts'
import type { DeliveryPolicy, ReplayEffects } from './policy.ts'
import { beginGeneration, replayOf } from './generations.ts'
import { Holders } from './holders.ts'
import { recover } from './recovery.ts'
import { ShardState, type ShardCommit } from './shard-state.ts'
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
  readonly types: readonly string[] | undefined
  readonly random: Random
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
  /** Where events come in from the log. */
  readonly intake: Intake
  /** Who has streams. */
  readonly holders: Holders
  readonly #options: MachineOptions
  readonly #transitions: Transitions
  readonly #suspects: Suspects
  #leases = 0
  #commitFirst = false

  constructor(
    options: MachineOptions,
    stored: { state: StoredState; exceptions: readonly StoredException[]; open: readonly LogRecord[] },
    now: Moment,
  ) {
    this.#options = options
    this.state = new ShardState(stored.state)
    this.#transitions = new Transitions(this.state, options.policy, options.random)
    this.#suspects = new Suspects(this.state, this.#transitions)
    this.intake = new Intake(this.state, this.#transitions, options.types && new Set(options.types))
    recover(this.state, stored, now)
    this.#transitions.continuePastDead()
    this.holders = new Holders(options.shard, this.state, this.#transitions, now)
    for (const { queue } of this.state.entries.values()) this.state.refresh(queue)
  }

  configure(policy: DeliveryPolicy, types: readonly string[] | undefined): void {
    this.#transitions.policy = policy
    this.intake.types = types && new Set(types)
    this.#transitions.continuePastDead()
  }

  // -------------------------------------------------------------------------------------------------------- handing out

  claim({ holder, max, leaseMs, noSuspects = false }: ClaimOptions, now: Moment): Claim {
    const taken: Entry[] = []
    const take = (entry: Entry): void => {
      this.#lease(entry, holder, leaseMs, now)
      taken.push(entry)
    }
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
    const next = queue.nextOfRun(longestRun)
    const mayFollow = next?.state === 'ready' && !next.suspect && !queue.head!.suspect && !this.state.isReserved(next)
    return mayFollow ? next : undefined
  }

  #attach(holder: string): void {
    this.state.holders.add(holder)
    this.state.touch()
    this.#commitFirst = true
  }

  #lease(entry: Entry, holder: string, leaseMs: number | undefined, now: Moment): void {
    this.state.lease(entry, { id: `${this.#options.epoch}-${++this.#leases}`, holder, pull: leaseMs !== undefined })
    if (leaseMs !== undefined) {
      this.state.schedule(entry, leaseMs, now)
      this.state.store(entry)
      this.#commitFirst = true
    }
    if (entry.counted) this.#commitFirst = true
    if (entry.offset > this.state.leaseMark) {
      this.state.leaseMark = entry.offset + leaseMarkStep
      this.#commitFirst = true
    }
  }

  token(entry: Entry): LeaseToken {
    return { shard: this.#options.shard, generation: this.state.generation, offset: entry.offset, id: entry.lease!.id }
  }

  /** What an earlier generation that acknowledged this event asks of its replay; `undefined` for a first delivery. */
  replay(entry: Entry): ReplayEffects | undefined {
    return replayOf(this.state.earlier, entry)
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
      this.#transitions.returnRest(entry)
      this.state.unlease(entry)
      this.#disappoint(entry, outcome, now)
      entry.counted = false
      entry.suspect = false
    }
    this.#transitions.supersede(entry.queue)
    this.state.refresh(entry.queue)
    return 'settled'
  }

  #disappoint(entry: Entry, outcome: Exclude<SettleAction, { action: 'ack' }>, now: Moment): void {
    switch (outcome.action) {
      case 'retry':
        if (!entry.counted) entry.attempts++
        return this.#transitions.retry(entry, outcome.reason, { afterMs: outcome.afterMs ?? 0, crashed: false }, now)
      case 'dead-letter':
        if (!entry.counted) entry.attempts++
        return this.#transitions.bury(entry, outcome.reason, false, now)
      case 'wait':
        return this.#transitions.wait(
          entry,
          outcome.reason,
          Math.min(outcome.afterMs ?? longestWaitMs, longestWaitMs),
          now,
        )
      case 'release':
        if (entry.counted) entry.attempts--
        if (entry.stored) this.state.store(entry)
    }
  }

  /** The event of a lease is not there any more, or cannot be read: nobody needs it. */
  skip(token: LeaseToken): void {
    const entry = this.#leased(token)
    if (!entry) return
    this.state.unlease(entry)
    this.state.finish(entry, 'skipped')
    this.state.refresh(entry.queue)
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

  // ---------------------------------------------------------------------------------------------------------------- time

  /** Does what is due. */
  tick(now: Moment): void {
    while (this.state.due.earliest <= now.monotonic) {
      const entry = this.state.due.takeFirst()!
      if (entry.finished || !entry.due || entry.due.monotonic > now.monotonic) continue
      if (entry.state === 'leased') this.#transitions.suspect(entry, now)
      else this.#transitions.makeReady(entry)
    }
    this.holders.tick(now)
  }

  /** When `tick` has something to do, on the monotonic clock; `Infinity` when never. */
  nextDueAt(): number {
    return Math.min(this.state.due.earliest, this.holders.nextDueAt())
  }

  // ------------------------------------------------------------------------------------------------------------ operators

  /** Hands out again what waits for data; answers whether it did wait. */
  wake(offset: number): boolean {
    const entry = this.state.entries.get(offset)
    if (entry?.state !== 'waiting') return false
    this.#transitions.makeReady(entry)
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
    this.#transitions.makeReady(entry)
    return true
  }

  /** Begins a new generation after `start`: fences all leases and drops every retry, park and dead letter. */
  seek(start: number, effects: ReplayEffects): void {
    beginGeneration(this.state, { start, effects, types: this.intake.types })
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
