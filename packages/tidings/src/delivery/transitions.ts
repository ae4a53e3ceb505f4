import type { Random } from '../environment/index.ts'
import type { Aside } from './aside.ts'
import type { Entry, Moment } from './entry.ts'
import { Excuses } from './excuses.ts'
import type { KeyQueue } from './key-queue.ts'
import type { SettleAction } from './outcome.ts'
import type { Outage } from './outage.ts'
import { retryDelayMs, type DeliveryPolicy } from './policy.ts'
import type { ShardState } from './shard-state.ts'

const longestWaitMs = 60_000

/** How events that were not acknowledged go from state to state; the table stands in `entry.ts`. */
export class Transitions {
  policy: DeliveryPolicy
  readonly excuses: Excuses
  readonly #state: ShardState
  readonly #aside: Aside
  readonly #random: Random

  constructor(
    state: ShardState,
    aside: Aside,
    { policy, random, outage }: { policy: DeliveryPolicy; random: Random; outage: Outage },
  ) {
    this.#state = state
    this.#aside = aside
    this.policy = policy
    this.#random = random
    this.excuses = new Excuses(state, outage, (entry) => this.makeReady(entry))
  }

  /** A delivery came back without an acknowledgement. */
  disappoint(entry: Entry, outcome: Exclude<SettleAction, { action: 'ack' }>, now: Moment): void {
    switch (outcome.action) {
      case 'retry':
        if (!entry.counted) entry.attempts++
        return this.#failed(entry, outcome, now)
      case 'dead-letter':
        if (!entry.counted) entry.attempts++
        return this.bury(entry, outcome.reason, false, now)
      case 'wait':
        return this.wait(entry, outcome.reason, Math.min(outcome.afterMs ?? longestWaitMs, longestWaitMs), now)
      case 'release':
        if (entry.counted) entry.attempts--
        if (entry.stored) this.#state.store(entry)
    }
  }

  #failed(entry: Entry, outcome: Extract<SettleAction, { action: 'retry' }>, now: Moment): void {
    const { reason, afterMs = 0, outage } = outcome
    const excusedMs = outage === undefined ? undefined : this.excuses.failed(entry, { class: outage, afterMs }, now)
    if (excusedMs === undefined) this.retry(entry, reason, { afterMs, crashed: false }, now)
    else this.#retryAfter(entry, reason, excusedMs, now)
  }

  /** leased → retrying, or dead when its attempts are used up. */
  retry(entry: Entry, reason: string, { afterMs, crashed }: { afterMs: number; crashed: boolean }, now: Moment): void {
    const { retry } = this.policy
    if (entry.attempts >= retry.maxAttempts) return this.bury(entry, reason, crashed, now)
    const delayMs = retryDelayMs(retry, entry.attempts, this.#random.next())
    this.#retryAfter(entry, reason, Math.max(afterMs, delayMs), now)
  }

  #retryAfter(entry: Entry, reason: string, delayMs: number, now: Moment): void {
    entry.state = 'retrying'
    entry.reason = reason
    this.#state.schedule(entry, delayMs, now)
    this.#state.store(entry)
  }

  /** → dead, or superseded where a newer state is there. `crashed`: its consumer never said what became of it. */
  bury(entry: Entry, reason: string, crashed: boolean, now: Moment): void {
    const { queue } = entry
    const { onDeadLetter } = this.policy
    entry.reason = reason
    if (onDeadLetter === 'supersede' && queue.key !== undefined && queue.entries.at(-1) !== entry)
      this.#keepNewest(queue)
    else this.#aside.bury(entry, { at: now.wall, crashed, stops: onDeadLetter !== 'continue' })
    this.#state.refresh(queue)
  }

  /** leased → waiting, without an attempt. */
  wait(entry: Entry, reason: string, delayMs: number, now: Moment): void {
    if (entry.counted) entry.attempts--
    entry.state = 'waiting'
    entry.reason = reason
    this.#state.schedule(entry, delayMs, now)
    this.#state.store(entry)
  }

  /** retrying, waiting → ready. */
  makeReady(entry: Entry): void {
    entry.state = 'ready'
    delete entry.due
    this.#state.store(entry)
    this.#state.refresh(entry.queue)
  }

  /** Under the policy `supersede`, a head in trouble gives way to the newest state of its key. */
  supersede(queue: KeyQueue): void {
    this.#state.coalescing.collapse(this.#state, queue)
    if (this.policy.onDeadLetter !== 'supersede' || queue.leased > 0 || queue.key === undefined) return
    if (queue.head?.state === 'retrying') this.#keepNewest(queue)
  }

  #keepNewest(queue: KeyQueue): void {
    this.#state.coalescing.collapse(this.#state, queue)
    for (const entry of queue.entries.slice(0, -1)) this.#state.finish(entry, 'superseded')
  }

  /** A newer event of a key has come: under the policy `supersede` its dead letters are needed no more. */
  supersedeDead(queue: KeyQueue): void {
    if (this.policy.onDeadLetter === 'supersede' && queue.dead.length > 0) this.#aside.end(queue, 'superseded')
  }

  /** A scheduled event is due: it takes its place, and under the policy `supersede` what is in trouble gives way to it. */
  comeDue(offset: number, key: string | undefined): void {
    const { queues } = this.#state
    const known = key === undefined ? undefined : queues.get(key)
    if (known?.dead.every((dead) => dead < offset)) this.supersedeDead(known)
    this.#aside.admit(offset, key)
    const queue = key === undefined ? undefined : queues.get(key)
    if (!queue) return
    this.supersede(queue)
    this.#state.refresh(queue)
  }

  /** The policy may have changed: what stops keys under it stops them, and nothing else does. */
  applyPolicy(): void {
    this.#state.coalescing.configure(this.policy.coalesce)
    for (const queue of this.#state.queues.values()) {
      if (queue.dead.length === 0) continue
      if (this.policy.onDeadLetter === 'continue') this.#aside.stepAside(queue)
      else if (queue.parkedFrom !== undefined) this.supersedeDead(queue)
    }
  }

  /** A run ends where one of it fails: what its holder has behind it goes back unattempted. */
  returnRest(entry: Entry): void {
    for (const later of entry.queue.entries) {
      if (later.offset > entry.offset && later.state === 'leased') this.#state.unlease(later)
    }
  }

  /** leased → ready, with the rest of its run, as if it had never been handed out. */
  giveBack(entry: Entry): void {
    if (entry.counted) entry.attempts--
    entry.counted = false
    this.returnRest(entry)
    this.#state.unlease(entry)
    this.supersede(entry.queue)
    this.#state.refresh(entry.queue)
  }

  /** leased → ready, with the rest of its run: suspects. One that was a suspect already backs off. */
  suspect(entry: Entry, now: Moment): void {
    this.#state.suspectsAtOnce = 1
    const holder = entry.lease?.holder
    const run = entry.queue.entries.filter((other) => other.offset >= entry.offset && other.lease?.holder === holder)
    for (const other of run) {
      this.#state.unlease(other)
      other.suspect = true
      this.#state.store(other)
    }
    if (entry.counted) this.retry(entry, 'Its consumer ended without an answer.', { afterMs: 0, crashed: true }, now)
    entry.counted = false
    this.supersede(entry.queue)
    this.#state.refresh(entry.queue)
  }
}
