import { TidingsError } from '../../errors.ts'

/** A pool of connections, as `pg` gives it: `new Pool({ connectionString })`. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>
}

/** One connection of `pg`, from the pool or inside of a transaction that somebody else began. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<PostgresResult>
  /** `I` outside of a transaction, `T` in one, `E` in one that failed; `null` before the first answer. */
  getTransactionStatus(): string | null
  /** Gives it back to the pool; with `true` the pool closes it. */
  release(destroy?: boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

interface PostgresQuery {
  readonly text: string
  readonly values?: unknown[]
  readonly queryMode?: 'extended'
  readonly types?: { getTypeParser(type: number, format?: string): (text: string) => unknown }
}

export interface PostgresResult {
  readonly rows: unknown[]
  readonly command: string
}

/** Refuses what is no such pool, before anything is done with it. */
export function checkPool(pool: unknown): void {
  const { connect, query } = (pool ?? {}) as Partial<Record<'connect' | 'query', unknown>>
  if (typeof connect === 'function' && typeof query === 'function') return
  throw new TidingsError(
    'bad-request',
    'postgresDatabase() needs a pool of `pg` as `pool`: new Pool({ connectionString }).',
  )
}

/** Whether a value can run statements as a connection of `pg` does. */
export function isClient(value: unknown): value is PostgresClient {
  const { query, getTransactionStatus } = (value ?? {}) as Partial<Record<keyof PostgresClient, unknown>>
  return typeof query === 'function' && typeof getTransactionStatus === 'function'
}

/** Somebody else holds what it needs, or was served first. */
const busy = new Set(['55P03', '40001', '40P01'])
/** Connections that ended, servers that are starting or going away, and what they have no room for. */
const failed = /^(08|53|57P|58)|^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)/

/**
 * The error of the kit for a failure of the database itself. A statement's own error (its syntax, a constraint) comes
 * back unchanged: it belongs to whoever wrote the statement. Codes are those of PostgreSQL (Appendix A) and of Node.
 */
export function databaseError(error: unknown, doing: string): unknown {
  if (error instanceof TidingsError) return error
  const code = postgresCode(error)
  if (busy.has(code)) {
    return new TidingsError(
      'database-busy',
      `Other transactions are in the way (${code}: ${messageOf(error)}), while ${doing}. Run the transaction again; where that does not help, find who keeps a transaction open in pg_stat_activity.`,
      { cause: error },
    )
  }
  if (failed.test(code) || isLost(error)) {
    return new TidingsError(
      'database-failed',
      `PostgreSQL failed or is out of reach (${code || messageOf(error)}), while ${doing}; look at the server and its log, then try again.`,
      { cause: error },
    )
  }
  return error
}

/** The SQLSTATE of an error, or the code of the socket's; empty where it has none. */
export function postgresCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** Whether the connection has ended, so that nothing more can be said on it. */
export function isLost(error: unknown): boolean {
  const code = postgresCode(error)
  if (/^(08|57P)/.test(code) || /^E[A-Z]/.test(code)) return true
  return error instanceof Error && code === '' && /connection|not queryable|timeout/i.test(error.message)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
