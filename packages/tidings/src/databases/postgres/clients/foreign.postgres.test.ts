import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import { describe, expect, test, type TestContext } from 'vitest'
import { clients, foreignClients, type OpenClient } from '../clients.fixture.ts'
import { postgresDatabase, type PostgresHandle } from '../index.ts'

/** One row with a value of each kind that clients change, and those that they leave. */
const everything = `
  create domain positive as bigint check (value > 0);
  create domain small as positive check (value < 1000);
  create type pair as (one integer, two text);
  create type mood as enum ('good', 'bad');
  create table everything (
    id text primary key, gone text, big bigint, counted small, amount numeric, ratio double precision, yes boolean,
    bytes bytea, day date, at timestamptz, local timestamp, span interval, document json, parsed jsonb,
    list integer[], couple pair, mood mood, padded char(5), "Odd ""name" text, nothing text, neither pair
  );
  alter table everything drop column gone;
  insert into everything values (
    'a', 9223372036854775807, 7, 1.50, 0.1, true, '\\x00ff', '2026-03-01', '2026-03-01T10:00:00.123456Z',
    '2026-03-01T10:00:00', '1 day', '{"n": 1.0}', '{"n": 1.0}', '{1,2}', '(1,b)', 'bad', 'abc', '%s', null, '(,)')`

const all = [...clients, ...foreignClients]

async function openClient(context: TestContext, url: string, open: (typeof all)[number]['open']): Promise<OpenClient> {
  const client = open({ url })
  context.onTestFinished(() => client.end())
  return client
}

test.for(all)('a row is the same in a transaction of $name as in one of the kit', async ({ open }, context) => {
  const { url } = await emptyDatabase(context)
  const pool = openPool({ connectionString: url })
  context.onTestFinished(() => pool.end())
  await pool.query(everything)
  const database = postgresDatabase({ pool })
  await database.start()
  const own = await database.transaction((tx) => tx.readRow('everything', 'id', 'a'))
  expect(own).toMatchObject({
    big: 9223372036854775807n,
    counted: 7,
    at: '2026-03-01T10:00:00.123456Z',
    couple: '(1,b)',
  })
  const { handle, rollBack } = await (await openClient(context, url, open)).begin()
  const joined = await database.join(handle)
  expect(await joined.readRow('everything', 'id', 'a')).toEqual(own)
  await rollBack()
})

describe.for(foreignClients)('in a transaction of $name', ({ open }) => {
  test('a statement answers what can be made of the values that the client has made', async (context) => {
    const { url } = await emptyDatabase(context)
    const client = await openClient(context, url, open)
    const { handle, rollBack } = await client.begin()
    const database = postgresDatabase(client.connections)
    const rows = await (
      await database.join(handle)
    ).query(
      `select $1::integer as number, $2::boolean as flag, $3::bytea as bytes, $4::text as nothing,
         '2026-03-01T10:00:00Z'::timestamptz as at, '{"n":1}'::jsonb as document`,
      [7, true, Uint8Array.of(0, 255), null],
    )
    expect(rows).toEqual([
      {
        number: 7,
        flag: true,
        bytes: Uint8Array.of(0, 255),
        nothing: null,
        at: '2026-03-01T10:00:00.000Z',
        document: '{"n":1}',
      },
    ])
    await rollBack()
  })

  test('one that has failed cannot be joined', async (context) => {
    const { url } = await emptyDatabase(context)
    const client = await openClient(context, url, open)
    const { handle, run, rollBack } = await client.begin()
    await expect(Promise.resolve(run('select 1/0'))).rejects.toThrow('division by zero')
    await expect(postgresDatabase(client.connections).join(handle)).rejects.toMatchObject({
      code: 'transaction-misuse',
      message: expect.stringContaining('aborted'),
    })
    await rollBack().catch(() => undefined)
  })
})

test('an ordinary role needs no right for a transaction of its own to be joined', async (context) => {
  const { url } = await emptyDatabase(context)
  const admin = openPool({ connectionString: url })
  const role = `joining_${process.pid}`
  await admin.query(`create role ${role} login`)
  context.onTestFinished(async () => {
    await admin.query(`drop role ${role}`)
    await admin.end()
  })
  const client = await openClient(context, Object.assign(new URL(url), { username: role }).href, foreignClients[0].open)
  const { handle, rollBack } = await client.begin()
  const joined = await postgresDatabase(client.connections).join(handle)
  expect(await joined.query('select current_user::text as name')).toEqual([{ name: role }])
  await rollBack()
})

test('a handle that answers in a form of its own is refused', async (context) => {
  const { url } = await emptyDatabase(context)
  const client = await openClient(context, url, foreignClients[0].open)
  const { handle, rollBack } = await client.begin()
  const inner = handle as PostgresHandle
  const odd: PostgresHandle = { query: async (text, values) => [await inner.query(text, values)] }
  await expect(postgresDatabase(client.connections).join(odd)).rejects.toMatchObject({ code: 'transaction-misuse' })
  await rollBack()
})
