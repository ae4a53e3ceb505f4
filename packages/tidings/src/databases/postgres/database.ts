import { AsyncLocalStorage } from 'node:async_hooks'
import type {
  Database,
  DatabaseTransaction,
  MigrationSet,
  SqlRow,
  SqlValue,
  Transaction,
  TransactionOptions,
} from '../../database/index.ts'
import { applyMigrations } from '../../database/migrate.ts'
import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'
import {
  checkPool,
  checkServer,
  connectRefusal,
  messageOf,
  postgresCode,
  type PostgresPool,
} from '../../postgres/index.ts'
import { databaseError } from './client.ts'
import { joinForeign } from './clients/foreign.ts'
import { joinPg, pgClient } from './clients/pg.ts'
import { checkPostgresJs, joinPostgresJs, postgresJsClient, type PostgresJs } from './clients/postgres-js.ts'
import { commit, once } from './commit.ts'
import { readFailure, type BeginOptions, type Client, type LentConnection } from './connection.ts'
import { dialect } from './dialect.ts'
import { FunctionGrants } from './grants.ts'
import { OwnTransaction, PostgresTransaction } from './transaction.ts'

/** What the kit takes its connections from; it stays its owner's to end. */
export type PostgresConnections =
  | {
      /** The pool of `pg`. */
      readonly pool: PostgresPool
      readonly sql?: undefined
    }
  | {
      /** The client of `postgres` (postgres.js). */
      readonly sql: PostgresJs
      readonly pool?: undefined
    }

export type PostgresDatabaseOptions = PostgresConnections & {
  readonly environment?: Environment
  /** How long a statement waits for a lock before it is `database-busy`, in milliseconds; as the server is set where nothing is said. */
  readonly lockTimeoutMs?: number
}

/** Whoever migrates waits here for the others: a number that nobody else's advisory locks are likely to use. */
const migrationLock = 7_402_113_905_211

/**
 * A service's database in PostgreSQL 14 or newer. Each transaction has a connection of the client for itself; a statement
 * that fails ends its transaction, as PostgreSQL has it, and nothing of it can be committed any more.
 */
export function postgresDatabase(options: PostgresDatabaseOptions): Database {
  const { lockTimeoutMs } = options
  if (lockTimeoutMs !== undefined && !(Number.isInteger(lockTimeoutMs) && lockTimeoutMs >= 1)) {
    throw new TidingsError('bad-request', `lockTimeoutMs is ${lockTimeoutMs}; give whole milliseconds from 1 on.`)
  }
  return new PostgresDatabase(clientOf(options), options)
}

function clientOf({ pool, sql }: PostgresConnections): Client {
  if (sql === undefined) {
    checkPool(pool, 'postgresDatabase')
    return pgClient(pool)
  }
  checkPostgresJs(sql)
  return postgresJsClient(sql)
}

class PostgresDatabase implements Database {
  readonly dialect = dialect
  readonly #client: Client
  readonly #environment: Environment
  readonly #settings: string
  readonly #context = new AsyncLocalStorage<OwnTransaction>()
  readonly #open = new Set<Promise<unknown>>()
  #running = false
  #starting: Promise<void> | undefined

  constructor(client: Client, { environment = systemEnvironment, lockTimeoutMs }: PostgresDatabaseOptions) {
    this.#client = client
    this.#environment = environment
    this.#settings = lockTimeoutMs === undefined ? '' : `set local lock_timeout = ${lockTimeoutMs}`
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    if (this.#running) return
    await this.#reading((connection) => checkServer((text) => connection.run(text, [])))
    this.#running = true
  }

  async stop(): Promise<void> {
    if (this.#current) {
      throw new TidingsError(
        'transaction-misuse',
        'stop() waits for the transaction in which it was called; call it outside.',
      )
    }
    this.#running = false
    while (this.#open.size > 0) await Promise.allSettled(this.#open)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** The transaction in whose async context the caller runs, while it is running. */
  get #current(): OwnTransaction | undefined {
    const transaction = this.#context.getStore()
    return transaction?.ended === false ? transaction : undefined
  }

  async transaction<Result>(
    work: (transaction: DatabaseTransaction) => Promise<Result> | Result,
    { isolation }: TransactionOptions = {},
  ): Promise<Result> {
    this.#ensureOutside()
    const mode = isolation === undefined ? '' : (`isolation level ${isolation}` as const)
    return this.#connected(mode, (connection) => this.#transaction(connection, work))
  }

  #ensureOutside(): void {
    if (this.#current) {
      throw new TidingsError(
        'transaction-misuse',
        'transaction() was called inside a running transaction; use the one that is open.',
      )
    }
    if (!this.#running) throw new TidingsError('stopped', 'The database is not running; call start() first.')
  }

  async #transaction<Result>(
    connection: LentConnection,
    work: (transaction: DatabaseTransaction) => Promise<Result> | Result,
  ): Promise<Result> {
    const transaction = new OwnTransaction(connection)
    let result: Result
    try {
      result = await this.#context.run(transaction, work, transaction)
    } catch (error) {
      transaction.end()
      // A connection that cannot say it is closed with what it had open.
      await connection.execute('rollback').catch(() => undefined)
      throw error
    }
    await commit(connection, transaction)
    return result
  }

  async execute<Row extends SqlRow = SqlRow>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    // Settings last as long as a transaction, so there has to be one.
    if (this.#settings !== '') return this.transaction((transaction) => transaction.query<Row>(text, values))
    this.#ensureOutside()
    const rows = await this.#lent(
      () => this.#client.once(),
      (connection) => once(connection, text, values),
    )
    return rows as Row[]
  }

  async query<Row extends SqlRow = SqlRow>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const current = this.#current
    if (current) return (await current.read(text, values)) as Row[]
    this.#ensureOutside()
    const rows = await this.#reading((connection) => connection.run(text, values)).catch((error: unknown) => {
      throw readFailure(error, text)
    })
    return rows as Row[]
  }

  /** Lends a connection in a transaction in which nothing can be written. */
  #reading<Result>(work: (connection: LentConnection) => Promise<Result>): Promise<Result> {
    return this.#connected('read only', async (connection) => {
      try {
        return await work(connection)
      } finally {
        if (!connection.lost) await connection.execute('rollback')
      }
    })
  }

  async migrate(set: MigrationSet): Promise<void> {
    this.#ensureOutside()
    const now = Math.floor(this.#environment.clock.now())
    // Whoever waits for the others must see what they did, whatever isolation transactions have by default.
    await this.#connected('isolation level read committed', (connection) =>
      this.#transaction(connection, async (transaction) => {
        await transaction.query('select pg_advisory_xact_lock($1)', [migrationLock])
        await createSchema(transaction)
        const grants = new FunctionGrants(transaction)
        const execute = (script: string): Promise<string> => grants.keep().then(() => connection.execute(script))
        await applyMigrations({ transaction, dialect, execute, set, now })
        await grants.restore()
      }),
    ).catch((error: unknown) => {
      if (postgresCode(error) !== '42501') throw error
      throw new TidingsError(
        'bad-request',
        `The role lacks a right that the migrations of "${set.name}" need (${messageOf(error)}); grant it, or have the owner of the database run "grant create on schema … to …" for the schema in which they make their tables.`,
        { cause: error },
      )
    })
  }

  async join(handle: unknown): Promise<DatabaseTransaction> {
    const connection = joinPg(handle) ?? joinPostgresJs(handle) ?? (await joinForeign(handle))
    await connection.ensureInTransaction()
    return new PostgresTransaction(connection)
  }

  /** Lends a connection in a transaction. */
  #connected<Result>(
    mode: BeginOptions['mode'],
    work: (connection: LentConnection) => Promise<Result>,
  ): Promise<Result> {
    return this.#lent(() => this.#client.begin({ mode, settings: mode === 'read only' ? '' : this.#settings }), work)
  }

  /** Lends a connection; whoever stops waits until it is back. */
  #lent<Lent extends Pick<LentConnection, 'release'>, Result>(
    lend: () => Promise<Lent>,
    work: (connection: Lent) => Promise<Result>,
  ): Promise<Result> {
    const run = async (): Promise<Result> => {
      const connection = await lend().catch((error: unknown) => {
        throw connectRefusal(error) ?? databaseError(error, 'connecting')
      })
      try {
        return await work(connection)
      } finally {
        connection.release()
      }
    }
    const running = run().finally(() => this.#open.delete(running))
    this.#open.add(running)
    return running
  }
}

/** The kit's tables have a schema of their own, so that they stand in nobody's way. Runs under the lock of the migrations. */
async function createSchema(transaction: Transaction): Promise<void> {
  const [found] = await transaction.query<{ role: string; database: string; there: boolean; allowed: boolean }>(
    `select current_user as role, current_database() as database, to_regnamespace('tidings') is not null as there,
       case when to_regnamespace('tidings') is null then has_database_privilege(current_database(), 'create')
         else has_schema_privilege('tidings', 'create') end as allowed`,
  )
  const { role, database, there, allowed } = found!
  if (!allowed) {
    const remedy = there
      ? `grant usage, create on schema tidings to ${dialect.identifier(role)}`
      : `create schema tidings authorization ${dialect.identifier(role)}`
    throw new TidingsError(
      'bad-request',
      `The role ${role} may not create the tables of the kit, which stand in the schema "tidings" of the database ${database}; have its owner run "${remedy}".`,
    )
  }
  if (!there) await transaction.query('create schema tidings')
}
