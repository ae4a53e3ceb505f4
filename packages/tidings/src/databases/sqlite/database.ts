import type { Database, Dialect, SqlRow, SqlValue, Transaction } from '../../database/index.ts'
import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'
import { whileBusy } from './busy.ts'
import { checkClient, type SqliteClient } from './client.ts'
import { Connection } from './connection.ts'
import { migrate } from './migrate.ts'
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

const dialect: Dialect = {
  name: 'sqlite',
  placeholder: () => '?',
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
}

/**
 * A service's database in SQLite. Transactions run one after another; those that wait when one begins share its commit.
 * A transaction that somebody else began on the client can be joined; while it is open nothing else runs on the
 * connection, so whoever begins one ends it soon, awaiting nothing but the kit in between.
 */
export function sqliteDatabase(options: SqliteDatabaseOptions): Database {
  checkClient(options.client, 'client')
  if (options.reader) checkClient(options.reader, 'reader')
  const { environment = systemEnvironment, busyTimeoutMs = 5_000, allowVolatile = false } = options
  if (!Number.isFinite(busyTimeoutMs) || busyTimeoutMs < 0) {
    throw new TidingsError('bad-request', `busyTimeoutMs is ${busyTimeoutMs}; give milliseconds from 0 on.`)
  }
  const patience = { environment, timeoutMs: busyTimeoutMs }
  const writer = new Connection(options.client)
  const reader = options.reader && new Connection(options.reader)
  const queue = new WriteQueue(writer, patience)
  let running = false
  let starting: Promise<void> | undefined

  const ensureRunning = (): void => {
    if (!running) throw new TidingsError('stopped', 'The database is not running; call start() first.')
  }
  const start = async (): Promise<void> => {
    if (running) return
    starting ??= openConnections({ writer, reader, allowVolatile, patience }).finally(() => (starting = undefined))
    await starting
    running = true
  }
  const stop = async (): Promise<void> => {
    if (queue.current)
      throw new TidingsError(
        'transaction-misuse',
        'stop() waits for the transaction in which it was called; call it outside.',
      )
    running = false
    await queue.drained()
  }
  const transaction = async <Result>(work: (transaction: Transaction) => Promise<Result> | Result): Promise<Result> => {
    if (queue.current) {
      throw new TidingsError(
        'transaction-misuse',
        'transaction() was called inside a running transaction; use the one that is open.',
      )
    }
    ensureRunning()
    return queue.transaction(work)
  }

  return {
    dialect,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
    transaction,
    async query<Row extends SqlRow = SqlRow>(text: string, values: readonly SqlValue[] = []) {
      if (queue.current) return queue.current.read(text, values) as Row[]
      ensureRunning()
      const rows = reader
        ? await whileBusy(patience, () => reader.read(text, values))
        : await queue.read(() => writer.read(text, values))
      return rows as Row[]
    },
    async migrate(set) {
      await transaction((open) =>
        migrate({ transaction: open, connection: writer, set, now: Math.floor(environment.clock.now()) }),
      )
    },
    join(handle) {
      if (handle !== options.client) throw misuse('the handle is not the client of this database')
      if (queue.groupIsOpen) throw misuse('the open transaction is one of the kit itself')
      if (!writer.inTransaction) throw misuse('the client is in no transaction; begin one first')
      return new SqliteTransaction(writer, () => {
        if (queue.groupIsOpen || !writer.inTransaction) throw misuse('the transaction that was joined has ended')
      })
    },
  }
}

function misuse(reason: string): TidingsError {
  return new TidingsError('transaction-misuse', `This transaction cannot be joined: ${reason}.`)
}
