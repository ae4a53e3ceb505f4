import type { LedgerEntry, LogRecord } from '../engine/index.ts'
import type { Aside } from './aside.ts'
import { gapSkipper, type Gap } from './gap.ts'
import type { Intake } from './intake.ts'
import { dueRange, deadRange, offsetOf, parkedRange, placeOf, readException } from './ledger-form.ts'
import type { KeyQueue } from './key-queue.ts'
import type { Schedule } from './schedule.ts'
import type { ShardState } from './shard-state.ts'

/** Where in the ledger stands what is overtaken although it is not at hand; without its dead letter, a key would move. */
export const overtakenRanges = [parkedRange, deadRange, dueRange] as const

/**
 * Lets go of events that their topic is about to remove, although the subscription needs them: whatever it wanted of
 * them is counted as skipped, and it goes on behind them. What a consumer has at present is left to that consumer, and
 * keeps its event until it comes back.
 */
export class Overtaking {
  readonly #state: ShardState
  readonly #intake: Intake
  readonly #aside: Aside
  readonly #schedule: Schedule
  #places = new Map<number | undefined, KeyQueue>()

  constructor(state: ShardState, parts: { intake: Intake; aside: Aside; schedule: Schedule }) {
    this.#state = state
    this.#intake = parts.intake
    this.#aside = parts.aside
    this.#schedule = parts.schedule
  }

  /** Passes over the next records of the log, as `Intake.offer` takes them in; answers how many it wanted. */
  passOver(records: readonly LogRecord[], until: number, gaps: readonly Gap[]): number {
    const { passed, unsaved } = this.#state
    if (this.#state.seeking || until <= this.#state.cursor) return 0
    const skipThrough = gapSkipper(passed, gaps)
    const wanted = records.filter((record) => !record.stale && !record.erased && this.#intake.matches(record))
    for (const record of records) {
      skipThrough(record.offset)
      const isFiltered = !record.stale && !record.erased && !wanted.includes(record)
      passed.add(record.offset, isFiltered ? 'filtered' : 'skipped')
    }
    skipThrough(until)
    this.#state.cursor = until
    unsaved.cover(until)
    return wanted.length
  }

  /** Ends what is at hand up to an offset and with nobody; answers how many. */
  dropAtHand(through: number): number {
    const state = this.#state
    if (state.seeking) return 0
    const dropped = [...state.entries.values()].filter(
      (entry) => entry.offset <= through && entry.state !== 'leased' && !state.isReserved(entry),
    )
    for (const entry of dropped) {
      state.finish(entry, 'skipped')
      state.refresh(entry.queue)
    }
    return dropped.length
  }

  /** Ends an event that stands in one of `overtakenRanges`. */
  dropAside(entry: LedgerEntry): void {
    if (entry.key.startsWith('d/')) this.#aside.discard(readException(entry), 'skipped')
    else if (entry.key.startsWith('p/')) this.#aside.dropParked(entry, this.#queueAt(placeOf(entry.key)))
    else this.#schedule.cancel(offsetOf(entry.key), Number(entry.value), 'skipped')
  }

  #queueAt(place: number): KeyQueue | undefined {
    if (this.#places.get(place)?.place !== place) {
      this.#places = new Map([...this.#state.queues.values()].map((queue) => [queue.place, queue]))
    }
    return this.#places.get(place)
  }
}
