import { TidingsError } from '../../errors.ts'

/** One connection to an SQLite database, as `better-sqlite3` and `libsql` give it: everything is synchronous. */
export interface SqliteClient {
  readonly open: boolean
  readonly inTransaction: boolean
  prepare(text: string): SqliteStatement
  exec(text: string): unknown
}

export interface SqliteStatement {
  /** Whether the statement answers with rows. */
  readonly reader: boolean
  all(...values: unknown[]): unknown[]
  run(...values: unknown[]): unknown
  safeIntegers(toggle?: boolean): unknown
}

/** Refuses what is no such client, before anything is done with it. */
export function checkClient(client: unknown, what: 'client' | 'reader'): void {
  const { prepare, exec, inTransaction, open } = (client ?? {}) as Partial<Record<keyof SqliteClient, unknown>>
  if (
    typeof prepare === 'function' &&
    typeof exec === 'function' &&
    typeof inTransaction === 'boolean' &&
    open === true
  )
    return
  throw new TidingsError(
    'bad-request',
    `sqliteDatabase() needs an open connection of better-sqlite3 or libsql as \`${what}\`: new Database('service.db').`,
  )
}

/**
 * The error of the kit for a failure of the database itself. A statement's own error (its syntax, a constraint) comes
 * back unchanged: it belongs to whoever wrote the statement.
 */
export function databaseError(error: unknown, doing: string): unknown {
  const code = sqliteCode(error)
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return new TidingsError(
      'database-busy',
      `The database is locked by another connection, while ${doing}. Try again; where it stays locked, find who keeps a transaction open, or wait longer with busyTimeoutMs.`,
      {
        cause: error,
      },
    )
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return new TidingsError(
      'store-corrupt',
      `The database file is damaged or no database (${code}), found while ${doing}; restore it from a backup.`,
      {
        cause: error,
      },
    )
  }
  if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|NOMEM|PROTOCOL)/.test(code)) {
    return new TidingsError(
      'database-failed',
      `The database failed with ${code} while ${doing}; check its disk and permissions, then try again.`,
      {
        cause: error,
      },
    )
  }
  return error
}

/** The client's code for an error, such as `SQLITE_BUSY`; empty where it has none. */
export function sqliteCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}
