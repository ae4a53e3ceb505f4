/**
 * The port to a service's own database: SQL inside the service's own transactions. The kit keeps its outbox, inbox and
 * replicas there, beside the service's tables.
 */
export interface Database {
  readonly dialect: Dialect
  /**
   * Opens for business: refuses a database whose commits are not durable as `database-not-durable`, naming the setting
   * to change. Idempotent.
   */
  start(): Promise<void>
  /** Waits for running transactions; closes nothing that it was given. Idempotent. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  /**
   * Runs `work` in a transaction of its own and commits it, durably, when it resolves; a rejection rolls back exactly
   * what `work` did. Several callers' transactions may share one commit; none of them resolves before it. After a crash
   * all or nothing of one `work` is there. Rejects with `database-busy` (retryable) when another process holds the
   * database for too long, and with `database-failed` when the commit itself failed.
   */
  transaction<Result>(work: (transaction: Transaction) => Promise<Result> | Result): Promise<Result>
  /** Reads outside any transaction: committed data only. */
  query<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]>
  /** Applies numbered, immutable migrations that were not applied yet, each once, in order. */
  migrate(set: MigrationSet): Promise<void>
  /**
   * Wraps a transaction that somebody else began on the same connection, so that the kit can write inside it. What is
   * not a handle of this database in an open transaction is refused as `transaction-misuse`.
   */
  join(handle: unknown): Transaction
}

export interface Transaction {
  /** Rows of a `select` or `returning`; an empty array for other statements. Placeholders are the dialect's. */
  query<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]>
}

export type SqlValue = string | number | bigint | Uint8Array | null
export type SqlRow = Record<string, SqlValue>

export interface Dialect {
  readonly name: 'sqlite' | 'postgres'
  /** The nth placeholder, from 1: `?` or `$1`. */
  placeholder(n: number): string
  /** A quoted identifier. */
  identifier(name: string): string
}

export interface MigrationSet {
  /** Whose migrations: lower-case letters and `_`. */
  readonly name: string
  /** In order; the first is number 1. Never changed once released. */
  readonly migrations: readonly string[]
}
