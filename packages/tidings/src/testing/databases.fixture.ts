import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPool, postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import Libsql from 'libsql'
import { Client, type Pool, type PoolClient } from 'pg'
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
  /** Keeps it as it is at this moment; what comes back opens that. */
  backUp(): Promise<() => Promise<Database>>
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
  const open = async (file: string): Promise<Database> => {
    const client = new Libsql(join(folder, file))
    clients.push(client)
    const database = sqliteDatabase({ client, environment })
    await database.start()
    return database
  }
  const backUp = async (): Promise<() => Promise<Database>> => {
    clients[0]?.pragma('wal_checkpoint(truncate)')
    copyFileSync(join(folder, 'service.db'), join(folder, 'backup.db'))
    return () => open('backup.db')
  }
  return { environment, database: await open('service.db'), another: () => open('service.db'), backUp }
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
  const poolWith = (connectionString: string, options?: string): Pool => {
    const pool = openPool({ connectionString, ...(options !== undefined && { options }) })
    context.onTestFinished(() => pool.end())
    return pool
  }
  const open = async (to: string, options?: string): Promise<Database> => {
    const database = postgresDatabase({ pool: traffic.watch(poolWith(to, options)), environment })
    await database.start()
    return database
  }
  const backUp = async (): Promise<() => Promise<Database>> => {
    const { url: backup } = await emptyDatabase(context)
    await copyDatabase(url, backup)
    return () => open(backup)
  }
  return {
    url,
    environment,
    database: await open(url),
    another: () => open(url),
    backUp,
    connect: (options) => open(url, options),
    pool: poolWith(url),
  }
}

/** Copies a database over another; whoever is connected to it loses his connection. */
async function copyDatabase(from: string, to: string): Promise<void> {
  const [source, target] = [from, to].map((url) => new URL(url).pathname.slice(1))
  const server = new URL(from)
  server.pathname = 'postgres'
  const client = new Client({ connectionString: server.href })
  await client.connect()
  try {
    await client.query(`drop database ${target}`)
    await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [source])
    await client.query(`create database ${target} template ${source}`)
  } finally {
    await client.end()
  }
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
    const connect: PostgresPool['connect'] = (take) => {
      const lent = new Promise<void>((resolve) =>
        pool.connect((error, client) => {
          take(error, client && this.#watchClient(client))
          resolve()
        }),
      )
      void this.#watched(lent)
    }
    return replaced(pool, { connect })
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
