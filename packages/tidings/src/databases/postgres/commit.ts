import type { SqlRow, SqlValue } from '../../database/index.ts'
import { TidingsError } from '../../errors.ts'
import { messageOf } from '../../postgres/index.ts'
import type { LentConnection, OnceConnection } from './connection.ts'
import type { OwnTransaction } from './transaction.ts'

/** Runs a statement that is a transaction of its own. */
export async function once(connection: OnceConnection, text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
  try {
    return await connection.run(text, values)
  } catch (error) {
    throw connection.lost ? commitUnknown(error) : error
  }
}

function commitUnknown(cause: unknown): TidingsError {
  return new TidingsError(
    'commit-unknown',
    'The connection to PostgreSQL was lost during a commit: it was made or it was not. Look whether it is there before you try again.',
    { cause },
  )
}

export async function commit(connection: LentConnection, transaction: OwnTransaction): Promise<void> {
  let done: string
  try {
    done = await transaction.commit()
  } catch (error) {
    if (connection.lost) throw commitUnknown(error)
    // What came before the commit has failed, or the commit itself, after which this does nothing.
    await connection.execute('rollback').catch(() => undefined)
    // At serializable a transaction may turn out at its end to have come too late; running it again helps.
    if (error instanceof TidingsError && error.code === 'database-busy') throw error
    throw new TidingsError('database-failed', `A transaction could not be committed: ${messageOf(error)}`, {
      cause: error,
    })
  }
  if (done === 'COMMIT') return
  throw new TidingsError(
    'database-failed',
    'Nothing was committed: a statement of the transaction had failed, and PostgreSQL rolls back the whole of it. Let the error end the function, or put the statement between savepoints.',
  )
}
