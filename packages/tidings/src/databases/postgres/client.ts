import { TidingsError } from '../../errors.ts'
import { isBusy, isFailed, messageOf, postgresCode } from '../../postgres/index.ts'

/**
 * The error of the kit for a failure of the database itself. A statement's own error (its syntax, a constraint) comes
 * back unchanged: it belongs to whoever wrote the statement.
 */
export function databaseError(error: unknown, doing: string): unknown {
  if (error instanceof TidingsError) return error
  const code = postgresCode(error)
  if (isBusy(error)) {
    return new TidingsError(
      'database-busy',
      `Other transactions are in the way (${code}: ${messageOf(error)}), while ${doing}. Run the transaction again; where that does not help, find who keeps a transaction open in pg_stat_activity.`,
      { cause: error },
    )
  }
  if (isFailed(error)) {
    return new TidingsError(
      'database-failed',
      `PostgreSQL failed or is out of reach (${code || messageOf(error)}), while ${doing}; look at the server and its log, then try again.`,
      { cause: error },
    )
  }
  return error
}

export function transactionEnded(): TidingsError {
  return new TidingsError(
    'transaction-misuse',
    'This transaction has ended, or has not begun; await everything inside the function that it was given to.',
  )
}
