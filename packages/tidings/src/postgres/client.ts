import { TidingsError } from '../errors.ts'

/** A pool of connections, as `pg` gives it: `new Pool({ connectionString })`. */
export interface PostgresPool {
  connect(take: (error: Error | undefined, client: PostgresClient | undefined) => void): void
  readonly options?: { readonly max?: number }
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
  on(event: 'notification', listener: (message: PostgresNotification) => void): unknown
  off(event: 'notification', listener: (message: PostgresNotification) => void): unknown
}

/** What another connection told whoever listens on a channel. */
export interface PostgresNotification {
  readonly channel: string
  readonly payload?: string | undefined
  /** Of the connection that told it. */
  readonly processId: number
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
export function checkPool(pool: unknown, who: string): asserts pool is PostgresPool {
  const { connect, query } = (pool ?? {}) as Partial<Record<'connect' | 'query', unknown>>
  if (typeof connect === 'function' && typeof query === 'function') return
  throw new TidingsError('bad-request', `${who}() needs a pool of \`pg\` as \`pool\`: new Pool({ connectionString }).`)
}

/** Whether a value can run statements as a connection of `pg` does. */
export function isClient(value: unknown): value is PostgresClient {
  const { query, getTransactionStatus } = (value ?? {}) as Partial<Record<keyof PostgresClient, unknown>>
  return typeof query === 'function' && typeof getTransactionStatus === 'function'
}

/** Whether somebody else holds what it needs, or was served first: the same again may succeed. */
export function isBusy(error: unknown): boolean {
  return ['55P03', '40001', '40P01'].includes(postgresCode(error))
}

/**
 * Whether PostgreSQL itself failed, and not the statement: connections that ended, servers that are starting or going
 * away, and what they have no room for. Codes are those of PostgreSQL (Appendix A) and of Node.
 */
export function isFailed(error: unknown): boolean {
  const code = postgresCode(error)
  return (
    /^(08|53|57P|58|25P03)|^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)/.test(code) ||
    isLost(error)
  )
}

/** The SQLSTATE of an error, or the code of the socket's; empty where it has none. */
export function postgresCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** Whether the connection has ended, so that nothing more can be said on it. */
export function isLost(error: unknown): boolean {
  const code = postgresCode(error)
  // Those that begin with E are Node's, those with CONNECT are of postgres.js.
  if (/^(08|57P|25P03)/.test(code) || /^(E[A-Z]|CONNECT)/.test(code)) return true
  return error instanceof Error && code === '' && /connection|not queryable|timeout/i.test(error.message)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
