import { deliverAt } from '../event/index.ts'
import type { LogRecord } from '../engine/index.ts'
import type { Aside } from './aside.ts'
import type { Moment } from './entry.ts'
import { gapSkipper, type Gap } from './gap.ts'
import type { Schedule } from './schedule.ts'
import type { ShardState } from './shard-state.ts'
import type { Transitions } from './transitions.ts'

const wantedReadyKeys = 500
const longestReadAhead = 4_000

/** Takes events in from the log: filters them, and puts each behind the others of its key, or aside. */
export class Intake {
  readonly #state: ShardState
  readonly #transitions: Transitions
  readonly #aside: Aside
  readonly #schedule: Schedule

  constructor(state: ShardState, parts: { transitions: Transitions; aside: Aside; schedule: Schedule }) {
    this.#state = state
    this.#transitions = parts.transitions
    this.#aside = parts.aside
    this.#schedule = parts.schedule
  }

  matches({ offset, event }: LogRecord): boolean {
    return this.#state.filters.wanted(this.#state.generation, offset, event)
  }

  /** Whether more events would help: too few keys may move, and memory is not full of those that may not. */
  get hungry(): boolean {
    const { ready, unsaved, seeking } = this.#state
    return !seeking && ready.size < wantedReadyKeys && unsaved.openSize < longestReadAhead
  }

  /** Takes the next records of the log, in order, up to `until`, and the gaps between them. */
  offer(records: readonly LogRecord[], until: number, now: Moment, gaps: readonly Gap[] = []): void {
    if (this.#state.seeking) return
    const { passed, unsaved } = this.#state
    const skipThrough = gapSkipper(passed, gaps)
    for (const record of records) {
      skipThrough(record.offset)
      if (record.stale || record.erased) passed.add(record.offset, 'skipped')
      else if (this.matches(record)) this.#enqueue(record, now)
      else passed.add(record.offset, 'filtered')
    }
    skipThrough(until)
    if (until <= this.#state.cursor) return
    this.#state.cursor = until
    unsaved.touch()
  }

  #enqueue(record: LogRecord, now: Moment): void {
    const { offset, event } = record
    const due = this.dueAt(record)
    if (due > now.wall) return this.#schedule.add(offset, event.key, due)
    const known = event.key === undefined ? undefined : this.#state.queues.get(event.key)
    if (known) this.#transitions.supersedeDead(known)
    if (known?.parks(offset)) return this.#aside.park(known, offset)
    const entry = this.#state.addEntry(offset, event.key, record)
    this.#state.unsaved.addOpen(entry)
    entry.urgent = this.#state.coalescing.isUrgent(event)
    this.#transitions.supersede(entry.queue)
    this.#state.refresh(entry.queue)
    // What waits for its interval may be many: the ledger knows it, so that reading goes on.
    if (this.#state.coalescing.holds(entry)) this.#state.unsaved.cover(offset)
  }

  /** When an event may be handed out, in milliseconds since 1970; 0 for at once. */
  dueAt({ event, appendedAt }: LogRecord): number {
    const { delayMs } = this.#transitions.policy
    return Math.max(deliverAt(event) ?? 0, delayMs > 0 ? appendedAt + delayMs : 0)
  }
}
