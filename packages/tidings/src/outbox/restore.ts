import type { ProducerState } from '../broker/port/events.ts'
import type { Database, Transaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import type { Ownership } from './ownership.ts'
import { statements } from './statements.ts'
import { readSourceEpoch } from './writer.ts'

/**
 * Whether the broker has got more from this producer than this database ever gave out: then it was restored to an older
 * state. An owner publishes only what was written before the next owner began, so the highest id at that moment bounds
 * what it can have sent, whatever was written since. A process begins before its first write, so nothing that it writes
 * to a restored database counts as known.
 */
export async function isAhead(database: Database, state: ProducerState): Promise<boolean> {
  const [next] = await database.query<{ assigned: number }>(statements.assignedAfter, [state.epoch])
  // Where there is none, the broker has seen an owner of whom this database knows nothing.
  return next === undefined || state.counter > next.assigned
}

/**
 * Begins a life of this database that follows the one which was lost: ids above every one that the broker knows (also for
 * what waits, which would be taken for a duplicate otherwise), versions above all of those, an epoch that fences the
 * relays of the lost life. Answers the epoch.
 */
export async function beginNewLife(
  transaction: Transaction,
  options: { readonly known: ProducerState; readonly ownership: Ownership; readonly environment: Environment },
): Promise<number> {
  const { known, ownership, environment } = options
  await ownership.ensure(transaction)
  const [highest] = await transaction.query<{ id: number }>(statements.highestId)
  const counter = Math.max(known.counter, highest!.id)
  await transaction.query(statements.beginIds, [counter])
  await transaction.query(statements.raiseIds, [counter, counter])
  await transaction.query(statements.renumber, [highest!.id])
  await transaction.query(statements.removeThrough, [highest!.id])
  // What the broker has up to here is accounted for: the next owner shall not find it again.
  await transaction.query(statements.raiseAssigned, [counter, counter])
  await raiseSourceEpoch(transaction, environment)
  return ownership.take(transaction, known.epoch)
}

/** From here on every entity has to be published again, in versions above all of before. */
export async function raiseSourceEpoch(transaction: Transaction, environment: Environment): Promise<void> {
  // As with epochs: not one that a lost life may have used. Minutes fit into the 32 bits of a CloudEvents integer.
  const minutes = Math.floor(environment.clock.now() / 60_000)
  await transaction.query(statements.raiseSource, [Math.max(minutes, (await readSourceEpoch(transaction)) + 1)])
}
