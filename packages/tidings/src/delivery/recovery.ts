import type { LedgerEntry, LogRecord } from '../engine/index.ts'
import type { Entry, Moment } from './entry.ts'
import { FilterHistory } from './filter-history.ts'
import type { EarlierGeneration } from './generations.ts'
import {
  offsetOf,
  readException,
  readHeldKey,
  readUnacknowledged,
  restoreDue,
  type StoredException,
  type StoredState,
} from './ledger-form.ts'
import { ShardState } from './shard-state.ts'

/** What the last owner committed, as far as it is read at start: see the table in `ledger-form.ts`. */
export interface Stored {
  readonly state: StoredState
  readonly exceptions: readonly LedgerEntry[]
  readonly heldKeys: readonly LedgerEntry[]
  readonly crashed: readonly LedgerEntry[]
  readonly unreadable: readonly LedgerEntry[]
  readonly unacknowledged: readonly LedgerEntry[]
  readonly filters: readonly LedgerEntry[]
  /** The records of the events that `state.open` names. */
  readonly open: readonly LogRecord[]
}

/** Builds the books again. */
export function recover(stored: Stored, now: Moment): ShardState {
  const state = new ShardState(stored.state, earlierGenerations(stored), new FilterHistory(stored.filters))
  for (const held of stored.heldKeys.map(readHeldKey)) {
    const queue = state.queueOf(held.key)
    queue.place = held.place
    queue.dead = held.dead
    queue.parkedFrom = held.parkedFrom
    queue.parked = held.parked
  }
  for (const offset of stored.crashed.map(({ key }) => offsetOf(key))) {
    state.crashed.add(offset)
    state.holdFloor({ offset })
  }
  for (const { key } of stored.unreadable) state.unreadable.add(offsetOf(key))
  for (const exception of stored.exceptions.map(readException)) restoreException(state, exception, now)
  const records = new Map(stored.open.map((record) => [record.offset, record]))
  for (const offset of stored.state.open) {
    if (state.entries.has(offset)) continue
    // What the log does not hold any more is skipped when its turn comes, and counted.
    const record = records.get(offset)
    const atHand = record?.erased ? undefined : record
    state.unsaved.addOpen(state.addEntry(offset, record?.event.key, atHand))
  }
  return state
}

function earlierGenerations({ state, unacknowledged }: Stored): readonly EarlierGeneration[] {
  const exceptions = new Map<number, number[]>()
  for (const { generation, offsets } of unacknowledged.map(readUnacknowledged)) {
    const known = exceptions.get(generation)
    if (known) known.push(...offsets)
    else exceptions.set(generation, [...offsets])
  }
  return state.earlier.map((stored) => ({ ...stored, exceptions: exceptions.get(stored.generation) ?? [] }))
}

function restoreException(state: ShardState, stored: StoredException, now: Moment): void {
  const entry: Entry = state.addEntry(stored.offset, stored.key, undefined)
  entry.stored = true
  entry.attempts = stored.attempts
  entry.suspect = stored.suspect ?? false
  if (stored.reason !== undefined) entry.reason = stored.reason
  if (stored.edit !== undefined) entry.edit = stored.edit
  if (stored.state === 'leased' && stored.lease !== undefined) {
    state.lease(entry, { id: stored.lease, holder: 'pull-of-before', pull: true })
    entry.counted = stored.counted ?? false
    if (entry.suspect) state.suspectsInFlight.add(entry)
  } else {
    entry.state = stored.state
  }
  if (stored.due && entry.state !== 'ready') {
    entry.due = restoreDue(stored.due, now)
    state.due.add(entry.due.monotonic, entry)
  }
  state.holdFloor(entry)
}
