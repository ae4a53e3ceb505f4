import type { LogRecord } from '../engine/index.ts'
import type { ShardState } from './shard-state.ts'
import type { Transitions } from './transitions.ts'

const wantedReadyKeys = 500
const longestReadAhead = 4_000

/** Takes events in from the log: filters them and puts each behind the others of its key. */
export class Intake {
  /** The event types that the subscription wants; all where absent. */
  types: ReadonlySet<string> | undefined
  readonly #state: ShardState
  readonly #transitions: Transitions

  constructor(state: ShardState, transitions: Transitions, types: ReadonlySet<string> | undefined) {
    this.#state = state
    this.#transitions = transitions
    this.types = types
  }

  matches(record: LogRecord): boolean {
    return !this.types || this.types.has(record.event.type)
  }

  /** Whether more events would help: too few keys may move, and memory is not full of those that may not. */
  get hungry(): boolean {
    return this.#state.ready.size < wantedReadyKeys && this.#state.openSize < longestReadAhead
  }

  /**
   * Takes the next records of the log, in order, up to `until`. `missing` counts events in between that are not there
   * any more or cannot be read.
   */
  offer(records: readonly LogRecord[], until: number, missing = 0): void {
    const { passed } = this.#state
    if (missing > 0) passed.add(records[0]?.offset ?? until, 'skipped', missing)
    for (const record of records) {
      if (record.stale || record.erased) passed.add(record.offset, 'skipped')
      else if (this.matches(record)) this.#enqueue(record)
      else passed.add(record.offset, 'filtered')
    }
    if (until <= this.#state.cursor) return
    this.#state.cursor = until
    this.#state.touch()
  }

  #enqueue(record: LogRecord): void {
    const entry = this.#state.addEntry(record.offset, record.event.key, record)
    this.#state.addOpen(entry)
    if (entry.queue.head?.state === 'dead') {
      // Behind a dead letter it may wait for months: the ledger remembers it, memory forgets its payload.
      this.#state.store(entry)
      delete entry.record
    }
    this.#transitions.supersede(entry.queue)
    this.#state.refresh(entry.queue)
  }
}
