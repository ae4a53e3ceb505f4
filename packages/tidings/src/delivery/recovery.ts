import type { LogRecord } from '../engine/index.ts'
import type { Entry, Moment } from './entry.ts'
import { restoreDue, type StoredException, type StoredState } from './ledger-form.ts'
import type { ShardState } from './shard-state.ts'

/**
 * Builds the books again from what the last owner committed: the events with a story of their own, and those that
 * `state.open` names, whose records the caller has read from the log.
 */
export function recover(
  state: ShardState,
  stored: { state: StoredState; exceptions: readonly StoredException[]; open: readonly LogRecord[] },
  now: Moment,
): void {
  for (const exception of stored.exceptions) restoreException(state, exception, now)
  for (const record of stored.open) {
    if (!state.entries.has(record.offset)) state.addOpen(state.addEntry(record.offset, record.event.key, record))
  }
}

function restoreException(state: ShardState, stored: StoredException, now: Moment): void {
  const entry: Entry = state.addEntry(stored.offset, stored.key, undefined)
  entry.stored = true
  entry.attempts = stored.attempts
  entry.suspect = stored.suspect
  if (stored.reason !== undefined) entry.reason = stored.reason
  if (stored.state === 'leased' && stored.lease !== undefined) {
    state.lease(entry, { id: stored.lease, holder: 'pull-of-before', pull: true })
    entry.counted = stored.counted
    if (stored.suspect) state.suspectsInFlight.add(entry)
  } else {
    entry.state = stored.state
  }
  if (stored.due && entry.state !== 'ready' && entry.state !== 'dead') {
    entry.due = restoreDue(stored.due, now)
    state.due.add(entry.due.monotonic, entry)
  }
  if (stored.dead) {
    entry.dead = stored.dead
    state.dead.set(entry.offset, entry)
  }
  state.holdFloor(entry)
}
