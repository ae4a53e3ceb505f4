import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import postgres, { type Options, type PostgresType, type Sql } from 'postgres'
import { expect, test, type TestContext } from 'vitest'
import { postgresDatabase } from '../index.ts'

function connect(context: TestContext, url: string, options: Options<Record<string, PostgresType>> = {}): Sql {
  const sql = postgres(url, { onnotice: () => undefined, ...options })
  context.onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

test('a connection that was lost while nobody asked it anything is not asked again', async (context) => {
  const { url } = await emptyDatabase(context)
  let close = (): void => undefined
  const closed = new Promise<void>((resolve) => (close = () => setImmediate(resolve)))
  const database = postgresDatabase({ sql: connect(context, url, { onclose: () => close() }) })
  const admin = openPool({ connectionString: url })
  context.onTestFinished(() => admin.end())
  await database.start()
  const lost = database.transaction(async (tx) => {
    const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
    await tx.query('create table entry (name text)')
    await admin.query('select pg_terminate_backend($1)', [row!.pid])
    await closed
    // Whoever connects next would have this statement run in no transaction at all.
    await tx.query("insert into entry values ('a')")
  })
  await expect(lost).rejects.toMatchObject({ code: 'database-failed', retryable: true })
  expect(await database.query("select to_regclass('entry') as found")).toEqual([{ found: null }])
})

test('each connection goes back, whatever has become of its transaction', async (context) => {
  const { url } = await emptyDatabase(context)
  const sql = connect(context, url, { max: 1 })
  const database = postgresDatabase({ sql, lockTimeoutMs: 1000 })
  await database.start()
  await database.transaction((tx) => tx.query('create table entry (name text primary key)'))
  const refused = database.transaction(() => Promise.reject(new Error('no')))
  await expect(refused).rejects.toThrow('no')
  await expect(database.query('selec 1')).rejects.toThrow('syntax')
  await expect(database.query('drop table entry')).rejects.toMatchObject({ code: 'transaction-misuse' })
  expect([...(await sql`select name from entry`)]).toEqual([])
})

test('a connection goes back also when what its transaction begins with is refused', async (context) => {
  const { url } = await emptyDatabase(context)
  const sql = connect(context, url, { max: 1 })
  const database = postgresDatabase({ sql, lockTimeoutMs: 2 ** 31 })
  await database.start()
  await expect(database.transaction(() => undefined)).rejects.toThrow(/lock_timeout/)
  expect(await database.query('select 1 as one')).toEqual([{ one: 1 }])
})

test('the serializers and parsers of the client change no value', async (context) => {
  const { url } = await emptyDatabase(context)
  const wrong = (to: number) => ({ to, from: [to], serialize: () => 'wrong', parse: () => 'wrong' })
  const types = { flag: wrong(16), bytes: wrong(17), big: wrong(20), text: wrong(25) }
  const database = postgresDatabase({ sql: connect(context, url, { types }) })
  await database.start()
  const [row] = await database.query(
    `select $1::json as document, $2::timestamptz at time zone 'UTC' as at, $3::boolean as flag, $4::bytea as bytes,
       $5::bigint as big, $6::text as word, $7::date as day`,
    ['{"n": 1.0}', '2026-03-01T10:00:00.123456Z', false, Uint8Array.of(0, 255), 2n ** 60n, '', null],
  )
  expect(row).toEqual({
    document: '{"n": 1.0}',
    at: '2026-03-01T10:00:00.123456',
    flag: false,
    bytes: Uint8Array.of(0, 255),
    big: 2n ** 60n,
    word: '',
    day: null,
  })
})

test('a client that gives columns other names is refused', async (context) => {
  const { url } = await emptyDatabase(context)
  for (const transform of [postgres.camel, { row: () => ({}) }]) {
    const sql = connect(context, url, { transform })
    expect(() => postgresDatabase({ sql })).toThrow(expect.objectContaining({ code: 'bad-request' }))
  }
})

test('what is no client is refused', () => {
  for (const wrong of [null, {}, () => undefined]) {
    expect(() => postgresDatabase({ sql: wrong as never })).toThrow(expect.objectContaining({ code: 'bad-request' }))
  }
})
