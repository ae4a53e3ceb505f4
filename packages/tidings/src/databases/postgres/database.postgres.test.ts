import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import type { Pool } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import type { Database } from '../../database/index.ts'
import { postgresDatabase } from './index.ts'

interface Bench {
  readonly pool: Pool
  readonly database: Database
  readonly url: string
}

async function bench(context: TestContext): Promise<Bench> {
  const { url } = await emptyDatabase(context)
  const pool = poolOf(context, url)
  const database = postgresDatabase({ pool })
  await database.start()
  return { pool, database, url }
}

function poolOf(context: TestContext, url: string): Pool {
  const pool = openPool({ connectionString: url })
  context.onTestFinished(() => pool.end())
  return pool
}

/** The same database as a role that may do nothing but connect. */
async function asOrdinaryRole(context: TestContext, { pool, url }: Bench): Promise<string> {
  const role = `ordinary_${process.pid}`
  await pool.query(`create role ${role} login`)
  context.onTestFinished(async () => void (await pool.query(`drop owned by ${role}; drop role ${role}`)))
  const ordinary = new URL(url)
  ordinary.username = role
  return ordinary.href
}

test('what is no pool of pg is refused', () => {
  for (const wrong of [undefined, null, {}, { connect: 1 }]) {
    expect(() => postgresDatabase({ pool: wrong as never })).toThrow(expect.objectContaining({ code: 'bad-request' }))
  }
})

test('migrate() names each right that an ordinary role lacks, and needs no other', async (context) => {
  const made = await bench(context)
  const ordinary = await asOrdinaryRole(context, made)
  const role = new URL(ordinary).username
  await made.pool.query('revoke create on schema public from public')
  const database = postgresDatabase({ pool: poolOf(context, ordinary) })
  await database.start()
  const set = { name: 'test', migrations: ['create table entry (name text)'] }
  const refused = (remedy: string): Promise<void> =>
    expect(database.migrate(set)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining(remedy),
    })
  await refused(`create schema tidings authorization "${role}"`)
  await made.pool.query('create schema tidings')
  await refused(`grant usage, create on schema tidings to "${role}"`)
  await made.pool.query(`grant usage, create on schema tidings to "${role}"`)
  await refused('grant create on schema')
  await made.pool.query(`grant create on schema public to "${role}"`)
  await database.migrate(set)
  expect(await database.query('select * from entry')).toEqual([])
})

test('the client that somebody else began a transaction on is joined, with bytes and bigints as everywhere', async (context) => {
  const { database, pool } = await bench(context)
  await pool.query('create table entry (number bigint, content bytea)')
  const client = await pool.connect()
  await client.query('begin')
  const joined = await database.join(client)
  const inserted = await joined.query('insert into entry values ($1, $2) returning *', [2n ** 60n, Uint8Array.of(1, 2)])
  expect(inserted).toEqual([{ number: 2n ** 60n, content: Uint8Array.of(1, 2) }])
  await client.query('rollback')
  client.release()
  expect(await database.query('select * from entry')).toEqual([])
})

test('a value that goes with the commit ends no literal, whatever the session is set to', async (context) => {
  const { database } = await bench(context)
  await database.execute('create table note (content text, bytes bytea)')
  const values = ["\\' or $1 --", Uint8Array.of(0, 92, 39)] as const
  for (const setting of ['on', 'off']) {
    await database.transaction(async (transaction) => {
      await transaction.query(`set local standard_conforming_strings = ${setting}`)
      await transaction.query('set local escape_string_warning = off')
      await transaction.runAtCommit('insert into note values ($1, $2)', values)
    })
  }
  const row = { content: values[0], bytes: values[1] }
  expect(await database.query('select content, bytes from note')).toEqual([row, row])
})
