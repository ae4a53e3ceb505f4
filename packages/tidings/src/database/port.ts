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
   * database for too long, with `database-failed` when the commit itself failed: nothing of `work` is there then, and with
   * `commit-unknown` when the connection was lost during the commit, so that all of it is there or nothing.
   * Called inside a running transaction it is refused as `transaction-misuse`.
   */
  transaction<Result>(
    work: (transaction: DatabaseTransaction) => Promise<Result> | Result,
    options?: TransactionOptions,
  ): Promise<Result>
  /**
   * Runs one statement in a transaction of its own and commits it, as `transaction` does with the errors that it has; at
   * the isolation that the database has by default. For what is done often, because it may take one exchange with the
   * server where `transaction` takes three.
   */
  execute<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]>
  /**
   * Reads outside any transaction: committed data only. Called inside a running transaction it reads in that one, so that
   * nobody waits for himself. A statement that writes is refused as `transaction-misuse`.
   */
  query<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]>
  /**
   * Applies numbered, immutable migrations that were not applied yet, each once, in order; all that are missing or none.
   * One that was changed since it was applied is a `bad-request`; a database that has more of them than the set comes
   * from a newer version and is refused as `store-version`.
   */
  migrate(set: MigrationSet): Promise<void>
  /**
   * Wraps a transaction that somebody else began on the same connection, so that the kit can write inside it. What is
   * not a handle of this database in an open transaction is refused as `transaction-misuse`. Through the handle of a
   * client with parsers of its own, which some databases take, `query` answers what those leave of a value, while
   * `readRow` is exact.
   */
  join(handle: unknown): Promise<DatabaseTransaction>
}

export interface TransactionOptions {
  /**
   * Each statement sees what others committed before it, whatever the database does by default. Says nothing where those
   * who write come one after another.
   */
  readonly isolation?: 'read committed'
}

export interface Transaction {
  /**
   * Runs one statement: the rows of a `select` or `returning`, an empty array for others. Placeholders are the dialect's.
   * A statement's own error (its syntax, a constraint) is the client's, unchanged; whether the transaction can go on after
   * it is the database's to say (SQLite's can, PostgreSQL's cannot). After the transaction has ended this is
   * `transaction-misuse`.
   */
  query<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]>
  /** The row of a table whose column has this value, as `select *` gives it, whoever began the transaction. */
  readRow(table: string, column: string, value: SqlValue): Promise<SqlRow | undefined>
}

/** What a database opens or joins; those who work in it need less. */
export interface DatabaseTransaction extends Transaction {
  /**
   * Runs one statement before the commit, whose rows nobody asks for: in one exchange with it where the database can, at
   * once elsewhere. What is run after it in the transaction finds it done. Where it fails, nothing is committed.
   */
  runAtCommit(text: string, values?: readonly SqlValue[]): Promise<void>
}

/**
 * Values come back as they were given. Integers up to 2^53 are numbers, those beyond come back as bigint; what the
 * database would change (NaN, text that is not well-formed or holds a NUL character) is refused as `bad-request`, and so
 * is a boolean where the database has none.
 */
export type SqlValue = string | number | bigint | boolean | Uint8Array | null
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
