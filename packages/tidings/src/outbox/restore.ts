import type { ProducerState } from '../broker/port/events.ts'
import type { Transaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import type { Ownership } from './ownership.ts'
import type { OutboxRows } from './rows.ts'
import type { OutboxStatements } from './tables.ts'
import { readSourceEpoch } from './writer.ts'

/**
 * Begins a life of this database that follows the one which was lost: counters above every one that the broker knows
 * (also for what waits, which would be taken for a duplicate otherwise), versions above all of those, an epoch that
 * fences the relays of the lost life. Answers the epoch.
 */
export async function beginNewLife(
  transaction: Transaction,
  options: {
    readonly known: ProducerState
    readonly ownership: Ownership
    readonly environment: Environment
    readonly rows: OutboxRows
    readonly statements: OutboxStatements
  },
): Promise<number> {
  const { known, ownership, environment, rows, statements } = options
  await ownership.ensure(transaction)
  await rows.continueAbove(transaction, known.counter)
  await raiseSourceEpoch(transaction, statements, environment)
  return ownership.take(transaction, known.epoch)
}

/** From here on every entity has to be published again, in versions above all of before. */
export async function raiseSourceEpoch(
  transaction: Transaction,
  statements: OutboxStatements,
  environment: Environment,
): Promise<void> {
  // As with epochs: not one that a lost life may have used. Minutes fit into the 32 bits of a CloudEvents integer.
  const minutes = Math.floor(environment.clock.now() / 60_000)
  const next = (await readSourceEpoch(transaction, statements)) + 1
  await transaction.query(statements.raiseSource, [Math.max(minutes, next)])
}
