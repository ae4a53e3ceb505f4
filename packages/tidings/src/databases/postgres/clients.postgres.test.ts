import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import type { Pool } from 'pg'
import { describe, expect, test, type TestContext } from 'vitest'
import type { Database } from '../../database/index.ts'
import { clients, type ClientOptions } from './clients.fixture.ts'
import { postgresDatabase } from './index.ts'

// What holds whichever client lends the connections, and depends on what that client does about its failures.
describe.for(clients)('over $name', ({ open }) => {
  interface Bench {
    readonly database: Database
    /** Of somebody else, who looks on. */
    readonly pool: Pool
  }

  async function bench(context: TestContext): Promise<Bench> {
    const { url } = await emptyDatabase(context)
    const pool = openPool({ connectionString: url })
    context.onTestFinished(() => pool.end())
    const database = connect(context, { url })
    await database.start()
    return { pool, database }
  }

  function connect(context: TestContext, options: ClientOptions): Database {
    const client = open(options)
    context.onTestFinished(() => client.end())
    return postgresDatabase(client.connections)
  }

  test('values of the types that tables have come as what they are', async (context) => {
    const { database } = await bench(context)
    const rows = await database.query(`select
      true as boolean, 1::smallint as small, 2147483648 as big, 9223372036854775807 as huge, 1.50::numeric as amount,
      0.5::real as real, '2026-03-01 10:00:00.5+01'::timestamptz at time zone 'UTC' as local,
      '2026-03-01'::date as day, '{"n": 9223372036854775807}'::json as document, array[1, 2] as list, null as nothing`)
    expect(rows).toEqual([
      {
        boolean: true,
        small: 1,
        big: 2147483648,
        huge: 9223372036854775807n,
        amount: '1.50',
        real: 0.5,
        local: '2026-03-01T09:00:00.5',
        day: '2026-03-01',
        document: '{"n": 9223372036854775807}',
        list: '{1,2}',
        nothing: null,
      },
    ])
  })

  test.for([
    ['UTC', '2026-03-01T10:00:00Z'],
    ['Asia/Kolkata', '2026-03-01T15:30:00+05:30'],
    ['America/New_York', '2026-03-01T05:00:00-05:00'],
  ] as const)('a moment has the form of RFC 3339 where the time zone is %s', async ([zone, text], context) => {
    const { url } = await emptyDatabase(context)
    const database = connect(context, { url, settings: { TimeZone: zone } })
    await database.start()
    expect(await database.query("select '2026-03-01T10:00:00Z'::timestamptz as at")).toEqual([{ at: text }])
  })

  test('a failed statement that the function swallows commits nothing, and says so', async (context) => {
    const { database } = await bench(context)
    await database.transaction((tx) => tx.query('create table entry (name text primary key)'))
    const swallowing = database.transaction(async (tx) => {
      await tx.query("insert into entry values ('a')")
      await tx.query("insert into entry values ('a')").catch(() => undefined)
    })
    await expect(swallowing).rejects.toMatchObject({
      code: 'database-failed',
      message: expect.stringMatching(/Nothing was committed/),
    })
    expect(await database.query('select * from entry')).toEqual([])
  })

  test('a statement between savepoints may fail and the rest is committed', async (context) => {
    const { database } = await bench(context)
    await database.transaction(async (tx) => {
      await tx.query('create table entry (name text primary key)')
      await tx.query("insert into entry values ('a')")
      await tx.query('savepoint before')
      await tx.query("insert into entry values ('a')").catch(() => undefined)
      await tx.query('rollback to savepoint before')
    })
    expect(await database.query('select * from entry')).toEqual([{ name: 'a' }])
  })

  test('a connection that ends in the middle of a transaction fails it, and the next one has another', async (context) => {
    const { database, pool } = await bench(context)
    const ended = database.transaction(async (tx) => {
      const [{ pid } = { pid: 0 }] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await pool.query('select pg_terminate_backend($1)', [pid])
      await tx.query('select 1')
    })
    await expect(ended).rejects.toMatchObject({ code: 'database-failed', retryable: true })
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('a connection that ends during the commit leaves it unknown, and says so', async (context) => {
    const { database, pool } = await bench(context)
    await pool.query(`
      create table entry (name text primary key);
      create function wait() returns trigger language plpgsql as $$ begin perform pg_sleep(3600); return null; end $$;
      create constraint trigger waits after insert on entry deferrable initially deferred for each row execute function wait()`)
    let begin = (_pid: number): void => undefined
    const begun = new Promise<number>((resolve) => (begin = resolve))
    const committing = database.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await tx.query("insert into entry values ('a')")
      begin(row!.pid)
    })
    const outcome = committing.catch((error: unknown) => error)
    const pid = await begun
    const sleeping = "select 1 from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'"
    for (;;) if ((await pool.query(sleeping, [pid])).rowCount !== 0) break
    await pool.query('select pg_terminate_backend($1)', [pid])
    expect(await outcome).toMatchObject({ code: 'commit-unknown', retryable: false })
  })

  test('a connection that ends in the middle of execute() leaves it unknown, and says so', async (context) => {
    const { database, pool } = await bench(context)
    await pool.query('create table entry (name text primary key)')
    const outcome = database
      .execute("insert into entry select 'a' from (select pg_sleep(3600)) slept")
      .catch((error: unknown) => error)
    const sleeping = "select pid from pg_stat_activity where query like 'insert into entry%' and wait_event = 'PgSleep'"
    for (;;) {
      const { rows } = await pool.query<{ pid: number }>(sleeping)
      if (rows[0]) {
        await pool.query('select pg_terminate_backend($1)', [rows[0].pid])
        break
      }
    }
    expect(await outcome).toMatchObject({ code: 'commit-unknown', retryable: false })
    expect(await database.execute('select name from entry')).toEqual([])
  })

  test('two transactions that lock each other out: one is told to run again', async (context) => {
    const { database } = await bench(context)
    await database.transaction((tx) => tx.query('create table entry (name text primary key, amount integer)'))
    await database.transaction((tx) => tx.query("insert into entry values ('a', 0), ('b', 0)"))
    let met = 0
    let meet = (): void => undefined
    const both = new Promise<void>((resolve) => (meet = resolve))
    const change = (first: string, second: string): Promise<void> =>
      database.transaction(async (tx) => {
        await tx.query('update entry set amount = amount + 1 where name = $1', [first])
        if (++met === 2) meet()
        await both
        await tx.query('update entry set amount = amount + 1 where name = $1', [second])
      })
    const outcomes = await Promise.allSettled([change('a', 'b'), change('b', 'a')])
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(1)
    expect(refused[0]?.reason).toMatchObject({ code: 'database-busy', retryable: true })
  })

  test.for([
    ['a role that is wrong', { username: 'nobody_at_all' }, /credentials/],
    ['a database that is not there', { pathname: 'nowhere' }, /no such database/],
  ] as const)('start() says what to do about %s', async ([_what, change, message], context) => {
    const { url } = await emptyDatabase(context)
    const database = connect(context, { url: Object.assign(new URL(url), change).href })
    await expect(database.start()).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(message),
    })
  })

  test('start() says that nobody listens', async (context) => {
    const database = connect(context, { url: 'postgres://postgres@127.0.0.1:1/postgres' })
    await expect(database.start()).rejects.toMatchObject({
      code: 'database-failed',
      message: expect.stringMatching(/ECONNREFUSED/),
    })
  })

  test.for(['read committed', 'serializable'])(
    'two that migrate at once wait for each other, at %s',
    async (isolation, context) => {
      const { url } = await emptyDatabase(context)
      const databases = [1, 2, 3].map(() =>
        connect(context, { url, settings: { default_transaction_isolation: isolation } }),
      )
      await Promise.all(databases.map((database) => database.start()))
      const set = { name: 'test', migrations: ['create table entry (name text); select pg_sleep(0.05)'] }
      await Promise.all(databases.map((database) => database.migrate(set)))
      expect(await databases[0]!.query('select * from entry')).toEqual([])
    },
  )
})
