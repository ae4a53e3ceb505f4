import type { Database, DatabaseTransaction, MigrationSet, SqlRow, SqlValue } from '../../database/index.ts'
import { applyMigrations } from '../../database/migrate.ts'
import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'
import { whileBusy, type Patience } from './busy.ts'
import { checkClient, type SqliteClient } from './client.ts'
import { Connection } from './connection.ts'
import { dialect } from './dialect.ts'
import { openConnections } from './start.ts'
import { SqliteTransaction } from './transaction.ts'
import { WriteQueue } from './write-queue.ts'

export interface SqliteDatabaseOptions {
  /**
   * The connection that the kit writes on, from `better-sqlite3` or `libsql`. It belongs to the kit from `start` on: who
   * else uses it sees uncommitted data. Turn on WAL (`pragma journal_mode = wal`) for speed, and with it
   * `pragma synchronous = full`, because `better-sqlite3` makes it NORMAL there.
   */
  readonly client: SqliteClient
  /** A second connection to the same file, for reads outside transactions; without it they wait between two commits. */
  readonly reader?: SqliteClient
  readonly environment?: Environment
  /** How long to wait while somebody else has locked the database; 5 s where nothing is said. */
  readonly busyTimeoutMs?: number
  /** Accepts a database in memory, whose commits are lost with it: for tests. */
  readonly allowVolatile?: boolean
}

/**
 * A service's database in SQLite. Transactions run one after another; those that wait when one begins share its commit.
 * A transaction that somebody else began on the client can be joined; while it is open nothing else runs on the
 * connection, so whoever begins one ends it soon, awaiting nothing but the kit in between.
 */
export function sqliteDatabase(options: SqliteDatabaseOptions): Database {
  checkClient(options.client, 'client')
  if (options.reader) checkClient(options.reader, 'reader')
  const { busyTimeoutMs = 5_000 } = options
  if (!Number.isFinite(busyTimeoutMs) || busyTimeoutMs < 0) {
    throw new TidingsError('bad-request', `busyTimeoutMs is ${busyTimeoutMs}; give milliseconds from 0 on.`)
  }
  return new SqliteDatabase(options)
}

class SqliteDatabase implements Database {
  readonly dialect = dialect
  readonly #writer: Connection
  readonly #reader: Connection | undefined
  readonly #patience: Patience
  readonly #allowVolatile: boolean
  readonly #queue: WriteQueue
  #running = false
  #starting: Promise<void> | undefined

  constructor(options: SqliteDatabaseOptions) {
    const { client, reader, environment = systemEnvironment, busyTimeoutMs: timeoutMs = 5_000 } = options
    this.#writer = new Connection(client)
    this.#reader = reader && new Connection(reader)
    this.#patience = { environment, timeoutMs }
    this.#allowVolatile = options.allowVolatile ?? false
    this.#queue = new WriteQueue(this.#writer, this.#patience)
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    if (this.#running) return
    await openConnections({
      writer: this.#writer,
      reader: this.#reader,
      allowVolatile: this.#allowVolatile,
      patience: this.#patience,
    })
    this.#running = true
  }

  async stop(): Promise<void> {
    if (this.#queue.current) {
      throw new TidingsError(
        'transaction-misuse',
        'stop() waits for the transaction in which it was called; call it outside.',
      )
    }
    this.#running = false
    await this.#queue.drained()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async transaction<Result>(work: (transaction: DatabaseTransaction) => Promise<Result> | Result): Promise<Result> {
    if (this.#queue.current) {
      throw new TidingsError(
        'transaction-misuse',
        'transaction() was called inside a running transaction; use the one that is open.',
      )
    }
    this.#ensureRunning()
    return this.#queue.transaction(work)
  }

  execute<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]> {
    return this.transaction((transaction) => transaction.query<Row>(text, values))
  }

  async query<Row extends SqlRow = SqlRow>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const { current } = this.#queue
    if (current) return current.read(text, values) as Row[]
    this.#ensureRunning()
    const reader = this.#reader
    const rows = reader
      ? await whileBusy(this.#patience, () => reader.read(text, values))
      : await this.#queue.read(() => this.#writer.read(text, values))
    return rows as Row[]
  }

  async migrate(set: MigrationSet): Promise<void> {
    const now = Math.floor(this.#patience.environment.clock.now())
    const execute = (script: string): void => this.#writer.execute(script)
    await this.transaction((transaction) => applyMigrations({ transaction, dialect, execute, set, now }))
  }

  async join(handle: unknown): Promise<DatabaseTransaction> {
    const [queue, writer] = [this.#queue, this.#writer]
    if (handle !== writer.client) throw misuse('the handle is not the client of this database')
    if (queue.groupIsOpen) throw misuse('the open transaction is one of the kit itself')
    if (!writer.inTransaction) throw misuse('the client is in no transaction; begin one first')
    return new SqliteTransaction(writer, () => {
      if (queue.groupIsOpen || !writer.inTransaction) throw misuse('the transaction that was joined has ended')
    })
  }

  #ensureRunning(): void {
    if (!this.#running) throw new TidingsError('stopped', 'The database is not running; call start() first.')
  }
}

function misuse(reason: string): TidingsError {
  return new TidingsError('transaction-misuse', `This transaction cannot be joined: ${reason}.`)
}
