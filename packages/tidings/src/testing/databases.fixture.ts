import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import Libsql from 'libsql'
import { Pool, type PoolClient } from 'pg'
import type { TestContext } from 'vitest'
import type { Database } from '../database/index.ts'
import { postgresDatabase, type PostgresPool } from '../databases/postgres/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { quiet, simulatedEnvironment, type SimulatedEnvironment } from './simulated.ts'

/** A database for one test, which goes with it, and the time that waits for it. */
export interface DatabaseBench {
  readonly environment: SimulatedEnvironment
  readonly database: Database
  /** The same database as another process of the service has it. */
  another(): Promise<Database>
}

export type OpenDatabase<Bench extends DatabaseBench = DatabaseBench> = (context: TestContext) => Promise<Bench>

export const onSqlite: OpenDatabase = async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-database-'))
  const clients: Libsql.Database[] = []
  context.onTestFinished(() => {
    for (const client of clients) client.close()
    rmSync(folder, { recursive: true })
  })
  const environment = simulatedEnvironment()
  const another = async (): Promise<Database> => {
    const client = new Libsql(join(folder, 'service.db'))
    clients.push(client)
    const database = sqliteDatabase({ client, environment })
    await database.start()
    return database
  }
  return { environment, database: await another(), another }
}

export interface PostgresBench extends DatabaseBench {
  readonly url: string
  /** As the server's superuser, beside the kit. */
  readonly pool: Pool
  /** The database over connections with settings of their own, such as `-c default_transaction_isolation=serializable`. */
  connect(options: string): Promise<Database>
}

export const onPostgres: OpenDatabase<PostgresBench> = async (context) => {
  const { url } = await emptyDatabase(context)
  const traffic = new Traffic()
  const environment = simulatedEnvironment(1, () => traffic.settle())
  const poolWith = (options?: string): Pool => {
    const pool = new Pool({ connectionString: url, ...(options !== undefined && { options }) })
    // A connection that is ended under an idle pool is the pool's to report, and the test's to expect.
    pool.on('error', () => undefined)
    context.onTestFinished(() => pool.end())
    return pool
  }
  const connect = async (options?: string): Promise<Database> => {
    const database = postgresDatabase({ pool: traffic.watch(poolWith(options)), environment })
    await database.start()
    return database
  }
  return { url, environment, database: await connect(), another: () => connect(), connect, pool: poolWith() }
}

/** For `describe.each`: where a service may keep the tables of the kit. */
export const everyDatabase: readonly (readonly [string, OpenDatabase])[] = [
  ['SQLite', onSqlite],
  ['PostgreSQL', onPostgres],
]

/** What a pool has asked the server for and has no answer to. */
class Traffic {
  readonly #underWay = new Set<Promise<unknown>>()

  /** Resolves when no answer is under way and nothing follows from the last one. */
  async settle(): Promise<void> {
    await quiet()
    while (this.#underWay.size > 0) {
      await Promise.allSettled(this.#underWay)
      await quiet()
    }
  }

  watch(pool: Pool): PostgresPool {
    return replaced(pool, { connect: async () => this.#watchClient(await this.#watched(pool.connect())) })
  }

  #watchClient(client: PoolClient): PoolClient {
    return replaced(client, {
      query: (...query: unknown[]) => this.#watched(Reflect.apply(client.query, client, query)),
    })
  }

  #watched<Result>(answer: Promise<Result>): Promise<Result> {
    const watched = answer.finally(() => this.#underWay.delete(watched))
    this.#underWay.add(watched)
    return watched
  }
}

/** An object with some of its methods replaced. */
function replaced<Target extends object>(target: Target, methods: Readonly<Record<string, unknown>>): Target {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && name in methods) return methods[name]
      const found: unknown = Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}
