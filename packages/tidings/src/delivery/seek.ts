import type { Aside } from './aside.ts'
import { beginGeneration } from './generations.ts'
import type { KeyQueue } from './key-queue.ts'
import {
  crashedRange,
  deadRange,
  dueKey,
  dueRange,
  editRange,
  offsetOf,
  parkedRange,
  placeOf,
  scheduledRange,
  unreadableRange,
} from './ledger-form.ts'
import type { ReplayEffects } from './policy.ts'
import type { Schedule } from './schedule.ts'
import type { ShardState } from './shard-state.ts'

/** Where in the ledger the offsets of what is aside are found. */
export const asideRanges = [deadRange, parkedRange, dueRange] as const
/** What a seek has to sweep. */
export const sweptRanges = [deadRange, crashedRange, unreadableRange, parkedRange, scheduledRange, editRange] as const

/**
 * Moves a shard to another place of the log, in steps, because what is aside is read from the ledger:
 *
 * 1. `fence`: from here on no lease of before counts, and nothing is handed out.
 * 2. `begin`, told of everything that is aside: a new generation begins, in one commit.
 * 3. `sweep`, for each page of the ledger: what lies behind the new start comes again from the log, so its place aside
 *    goes. What lies before the start stays: dead letters, parked and scheduled events are not lost by a seek.
 * 4. `end`: events are handed out again.
 *
 * A crash between 2 and 4 begins again at 3.
 */
export class Seek {
  readonly #state: ShardState
  readonly #aside: Aside
  readonly #schedule: Schedule
  #places: Map<number | undefined, KeyQueue> | undefined

  constructor(state: ShardState, aside: Aside, schedule: Schedule) {
    this.#state = state
    this.#aside = aside
    this.#schedule = schedule
  }

  fence(): void {
    this.#state.fenced = true
  }

  begin(next: { readonly start: number; readonly effects: ReplayEffects; readonly aside: readonly number[] }): void {
    this.#state.sweeping = true
    beginGeneration(this.#state, next)
    this.#aside.clear()
    this.#schedule.clear()
    for (const queue of this.#state.queues.values()) {
      queue.entries = []
      queue.leased = 0
      queue.holder = undefined
      queue.interrupted = false
      const dead = queue.dead.filter((offset) => offset <= next.start)
      if (dead.length < queue.dead.length) {
        queue.dead = dead
        this.#aside.describe(queue)
      }
      this.#state.refresh(queue)
    }
  }

  /** Removes what a page of one of `sweptRanges` holds and that comes again. */
  sweep(keys: readonly string[]): void {
    const { start, unsaved, counts, crashed, unreadable } = this.#state
    this.#places ??= new Map([...this.#state.queues.values()].map((queue) => [queue.place, queue]))
    for (const key of keys) {
      const offset = offsetOf(key)
      if (offset <= start) continue
      unsaved.write(key, null)
      if (key.startsWith('r/')) continue
      if (key.startsWith('c/')) {
        crashed.delete(offset)
        continue
      }
      if (key.startsWith('u/')) {
        unreadable.delete(offset)
        continue
      }
      if (key.startsWith('t/')) unsaved.write(dueKey(offset), null)
      const count = key.startsWith('d/') ? 'dead' : key.startsWith('p/') ? 'parked' : 'scheduled'
      counts[count]--
      counts.carried--
      if (count === 'parked') this.#unpark(placeOf(key))
    }
  }

  #unpark(place: number): void {
    const queue = this.#places?.get(place)
    if (!queue) return
    queue.parked--
    if (queue.parked === 0) queue.parkedFrom = undefined
    this.#aside.describe(queue)
  }

  end(): void {
    this.#state.fenced = false
    this.#places = undefined
    this.#state.sweeping = false
    this.#state.unsaved.touch()
    for (const queue of this.#state.queues.values()) this.#state.refresh(queue)
  }
}
