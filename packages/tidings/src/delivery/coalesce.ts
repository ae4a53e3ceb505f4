import type { Event, SubscriptionFilter } from '../event/index.ts'
import { DueTimes } from './due-times.ts'
import type { Entry, Moment } from './entry.ts'
import { compileFilter, type EventMatcher } from './filter.ts'
import type { KeyQueue } from './key-queue.ts'
import type { ShardState } from './shard-state.ts'

export interface CoalescePolicy {
  /** After an event of a key was handed out, its next one waits so long, in milliseconds. */
  readonly intervalMs: number
  /** What does not wait, beside events with the boolean attribute `urgent`. */
  readonly urgent?: SubscriptionFilter
}

/**
 * For keys whose newest event makes older ones needless: of those that no consumer has, only the newest stays, and the
 * first of a key goes at once, then at most one per key and interval.
 *
 * A key is *free*, or *resting* until its interval is over. Free → handing out → resting; resting → interval over →
 * free. While it rests, its newest event waits, unless it is urgent or was handed out before and came back: retries and
 * what was released go by their own rules. Rest is kept in memory alone: a crash ends it, so that a key may get one
 * event early, and none too late. An event without a key has nothing that could stand for it, and goes its own way.
 */
export class Coalescing {
  #policy: CoalescePolicy | undefined
  #matchesUrgent: EventMatcher | undefined
  /** When each resting key is free again, on the monotonic clock. */
  readonly #resting = new Map<string, number>()
  readonly #due = new DueTimes<string>()

  get on(): boolean {
    return this.#policy !== undefined
  }

  /** Another policy begins with every key free; the same one changes nothing. */
  configure(policy: CoalescePolicy | undefined): void {
    if (JSON.stringify(policy) === JSON.stringify(this.#policy)) return
    this.#policy = policy
    this.#matchesUrgent = policy?.urgent && compileFilter(policy.urgent)
    this.clear()
  }

  clear(): void {
    this.#resting.clear()
    this.#due.clear()
  }

  isUrgent(event: Event): boolean {
    if (!this.#policy) return false
    // Headers carry booleans as texts.
    return String(event.extensions?.['urgent']) === 'true' || this.#matchesUrgent?.(event) === true
  }

  /** Whether an event has to wait for the interval of its key. */
  holds({ queue: { key }, urgent, handedOut }: Entry): boolean {
    return key !== undefined && !urgent && !handedOut && this.#resting.has(key)
  }

  /** An event is handed out: its key rests from here on. */
  handOut(entry: Entry, now: Moment): void {
    const { key } = entry.queue
    entry.handedOut = true
    if (!this.#policy || key === undefined) return
    const until = now.monotonic + this.#policy.intervalMs
    this.#resting.set(key, until)
    this.#due.add(until, key)
  }

  /** Of the events of a key that no consumer has, or might have, the newest supersedes the others. It is urgent if one of them was. */
  collapse(state: ShardState, queue: KeyQueue): void {
    const newest = queue.entries.at(-1)
    if (!this.#policy || !newest) return
    for (const entry of queue.entries.slice(0, -1)) {
      if (entry.lease || state.isReserved(entry)) continue
      if (entry.urgent) newest.urgent = true
      state.finish(entry, 'superseded')
    }
  }

  /** Does so for all keys, and files them under what they may do. */
  collapseAll(state: ShardState): void {
    for (const queue of state.queues.values()) {
      this.collapse(state, queue)
      state.refresh(queue)
    }
  }

  /** Frees the keys whose interval is over. */
  tick(state: ShardState, now: Moment): void {
    while (this.#due.earliest <= now.monotonic) {
      const key = this.#due.takeFirst()!
      if ((this.#resting.get(key) ?? Infinity) > now.monotonic) continue
      this.#resting.delete(key)
      const queue = state.queues.get(key)
      if (queue) state.refresh(queue)
    }
  }

  /** When the next key is free, on the monotonic clock; `Infinity` when none rests. */
  nextDueAt(): number {
    return this.#due.earliest
  }
}
