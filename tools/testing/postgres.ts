import { existsSync, watch } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Client, Pool, type PoolConfig } from 'pg'
import { inject } from 'vitest'
import { notRun } from './not-run.ts'
import { findPostgres, type MissingPostgres, type RunningPostgres } from './postgres-server.ts'

export {
  binariesOfPostgres,
  killPostgres,
  runPostgres,
  startPostgres,
  stopPostgres,
  type RunningPostgres,
} from './postgres-server.ts'

export interface PostgresTest {
  skip(note?: string): never
  onTestFinished(finish: () => Promise<void>): unknown
}

/** A pool whose idle connections may be ended under it, as when its test and with it the database is over. */
export function openPool(config: PoolConfig): Pool {
  const pool = new Pool(config)
  pool.on('error', () => undefined)
  return pool
}

let databases = 0

/**
 * A database of its own for one test, on the server that all tests of a run share; it goes with the test. Where there
 * can be no server, the test is counted as not run.
 */
export async function postgresDatabase(test: PostgresTest): Promise<{ readonly url: string }> {
  const server = await sharedPostgres()
  if ('missing' in server) notRun(test, { part: 'postgres', reason: server.missing, help: server.help })
  const name = `test_${process.pid}_${++databases}`
  await asSuperuser(server.url, `create database ${name}`)
  test.onTestFinished(() => asSuperuser(server.url, endReaders(name), `drop database ${name} with (force)`))
  const url = new URL(server.url)
  url.pathname = name
  return { url: url.href }
}

/** Whoever reads the log of a database may still be on his way out, and `force` does not wait for him. */
const endReaders = (name: string): string =>
  `select pg_terminate_backend(active_pid, 10000) from pg_replication_slots where database = '${name}' and active`

async function asSuperuser(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

/** Whichever process of the run needs it first starts it; the others wait for what it found. */
async function sharedPostgres(): Promise<RunningPostgres | MissingPostgres> {
  const folder = inject('postgresFolder')
  const found = join(folder, 'server.json')
  try {
    await mkdir(join(folder, 'starting'))
  } catch {
    await appeared(found)
    return JSON.parse(await readFile(found, 'utf8')) as RunningPostgres | MissingPostgres
  }
  const server = await findPostgres(join(folder, 'cluster')).catch((error: Error): MissingPostgres => ({
    missing: `PostgreSQL did not start: ${error.message}`,
    help: 'see its log',
  }))
  // Written beside and renamed, so that nobody reads a part of it.
  await writeFile(`${found}.part`, JSON.stringify(server))
  await rename(`${found}.part`, found)
  return server
}

function appeared(path: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(path), () => look())
    const look = (): void => {
      if (!existsSync(path)) return
      watcher.close()
      resolve()
    }
    look()
  })
}
