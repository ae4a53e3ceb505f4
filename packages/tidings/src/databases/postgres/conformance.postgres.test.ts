import { notRun } from '@tidings/tools/not-run'
import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import { type Pool, type PoolClient } from 'pg'
import { expect, test } from 'vitest'
import { databaseConformance, runDatabaseCase, type DatabaseSubject } from '../../database/conformance/index.ts'
import { startWriter } from '../../database/conformance/writer-process.fixture.ts'
import { postgresDatabase } from './index.ts'

function subjectOf(url: string): DatabaseSubject {
  const pools: Pool[] = []
  const connect = (options?: string): Pool => {
    const pool = openPool({ connectionString: url, ...(options === undefined ? {} : { options }) })
    pools.push(pool)
    return pool
  }
  const begin = async (): Promise<PoolClient> => {
    const client = await connect().connect()
    await client.query('begin')
    return client
  }
  return {
    open: () => postgresDatabase({ pool: connect(), lockTimeoutMs: 300 }),
    openNotDurable: () => postgresDatabase({ pool: connect('-c synchronous_commit=off') }),
    async begin() {
      const client = await begin()
      const end = async (statement: string): Promise<void> => {
        await client.query(statement)
        client.release()
      }
      return { handle: client, commit: () => end('commit'), rollBack: () => end('rollback') }
    },
    async lock() {
      const client = await begin()
      await client.query('lock table entry in exclusive mode')
      return async () => {
        await client.query('rollback')
        client.release()
      }
    },
    startWriter: async () => startWriter(writerScript, [url]),
    dispose: async () => void (await Promise.all(pools.map((pool) => pool.end()))),
  }
}

/** What the killed process runs: the package as it was built, on the same database. */
const writerScript = `
  import pg from 'pg'
  import { writePairs } from 'tidings/database/conformance'
  import { postgresDatabase } from 'tidings/databases/postgres'
  const database = postgresDatabase({ pool: new pg.Pool({ connectionString: process.argv.at(-1) }) })
  await database.start()
  await writePairs(database, (pair) => process.stdout.write(pair + '\\n'))
`

test.for(databaseConformance)('a database over pg: $name', async (databaseCase, context) => {
  const { url } = await emptyDatabase(context)
  const reason = await runDatabaseCase(databaseCase, subjectOf(url))
  if (reason !== undefined) notRun(context, { part: 'postgres', reason })
  expect(reason).toBeUndefined()
})
