import type { Database, DatabaseTransaction } from './port.ts'

/**
 * A transaction of the kit itself, in which each statement sees what others committed before it: where several run at
 * once the kit waits for the locks of rows and goes on from what it finds then, whatever isolation the user has set for
 * his own transactions.
 */
export function ownTransaction<Result>(
  database: Database,
  work: (transaction: DatabaseTransaction) => Promise<Result>,
): Promise<Result> {
  return database.transaction(work, { isolation: 'read committed' })
}
