import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresPrograms, runPostgres, startPostgres, stopPostgres } from '@tidings/tools/postgres'
import { expect, test, type TestContext } from 'vitest'
import { postgresDatabase } from '../../databases/postgres/index.ts'
import { postgresEngine } from './index.ts'
import { postgresBench, type PostgresBench } from './postgres.fixture.ts'

/** The same database as a role that may do nothing but connect. */
async function ordinaryRole(
  context: TestContext,
  { pool, url }: PostgresBench,
): Promise<{ name: string; url: string }> {
  const name = `engine_${process.pid}`
  await pool.query(`create role ${name} login`)
  context.onTestFinished(async () => void (await pool.query(`drop owned by ${name}; drop role ${name}`)))
  const ordinary = new URL(url)
  ordinary.username = name
  return { name, url: ordinary.href }
}

test.for([
  ['a role that is wrong', { username: 'nobody_at_all' }, 'bad-request', /credentials/],
  ['a database that is not there', { pathname: 'nowhere' }, 'bad-request', /no such database/],
  ['a port where nobody listens', { port: '1' }, 'unavailable', /ECONNREFUSED/],
] as const)('start() says what to do about %s', async ([_what, change, code, message], context) => {
  const { url, poolOf } = await postgresBench(context)
  const engine = postgresEngine({ pool: poolOf(Object.assign(new URL(url), change).href) })
  await expect(engine.start()).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
})

test.for([
  ['synchronous_commit=off', 'database-not-durable', /"synchronous_commit" is off/],
  ['default_transaction_isolation=serializable', 'bad-request', /needs "read committed"/],
] as const)('start() refuses %s', async ([setting, code, message], context) => {
  const { poolOf, url } = await postgresBench(context)
  const engine = postgresEngine({ pool: poolOf(url, { options: `-c ${setting}` }) })
  await expect(engine.start()).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
})

test('start() refuses a standby', async (context) => {
  const binaries = postgresPrograms(context)
  const folder = await mkdtemp(join(tmpdir(), 'tidings-standby-'))
  await chmod(folder, 0o755)
  context.onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const primary = await startPostgres(binaries, folder)
  process.kill(primary.pid!, 'SIGINT')
  await stopPostgres(primary)
  await writeFile(join(folder, 'data', 'standby.signal'), '')
  const standby = await runPostgres({ binaries, folder })
  context.onTestFinished(() => stopPostgres(standby))
  const { poolOf } = await postgresBench(context)
  const engine = postgresEngine({ pool: poolOf(standby.url) })
  await expect(engine.start()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(/is a standby/),
  })
})

test('what is no pool, too small a pool, or no name for a schema is refused', async (context) => {
  const { pool, poolOf, url } = await postgresBench(context)
  for (const options of [{}, { pool: {} }, { pool: poolOf(url, { max: 1 }) }, { pool, schema: 'a"b' }]) {
    expect(() => postgresEngine(options as never)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  }
})

test('start() names the right that a role lacks, and needs no other than its own schema', async (context) => {
  const bench = await postgresBench(context)
  const role = await ordinaryRole(context, bench)
  const engine = postgresEngine({ pool: bench.poolOf(role.url), schema: 'events' })
  await expect(engine.start()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(/create schema events authorization/),
  })
  await bench.pool.query(`create schema events authorization ${role.name}`)
  await engine.start()
  context.onTestFinished(() => engine.stop())
  await engine.log.create({ namespace: 'default', topic: 'crm.customer' }, { kind: 'event', shards: 1 })
  expect((await engine.stats()).bytes).toBeGreaterThan(0)
})

test('the store of a broker and the tables of a service stand in one database without touching each other', async (context) => {
  const { pool, engine } = await postgresBench(context)
  const database = postgresDatabase({ pool })
  await database.start()
  context.onTestFinished(() => database.stop())
  await database.migrate({ name: 'tidings_service', migrations: ['create table tidings.topic (id int)'] })
  const started = await engine()
  await started.log.create({ namespace: 'default', topic: 'a.b' }, { kind: 'event', shards: 1 })
  expect((await pool.query('select * from tidings.topic')).rows).toEqual([])
})

test('servers that start at once on an empty database make one store, and schemas keep apart', async (context) => {
  const { engine } = await postgresBench(context)
  const engines = await Promise.all([1, 2, 3, 4].map(() => engine()))
  const topic = { namespace: 'default', topic: 'crm.customer' }
  await engines[0]!.log.create(topic, { kind: 'event', shards: 1 })
  for (const each of engines) expect(await each.log.describe(topic)).toBeDefined()
  const elsewhere = await engine({ schema: 'elsewhere' })
  expect(await elsewhere.log.describe(topic)).toBeUndefined()
})

test('a store of a newer version is refused and left as it is', async (context) => {
  const { engine, pool, poolOf } = await postgresBench(context)
  await (await engine()).stop()
  await pool.query('update tidings_broker.store set format = 99')
  await expect(postgresEngine({ pool: poolOf() }).start()).rejects.toMatchObject({
    code: 'store-version',
    message: expect.stringMatching(/format 99/),
  })
  expect((await pool.query('select format from tidings_broker.store')).rows).toEqual([{ format: 99 }])
})

test('a store of format 3, which had no functions for appends, is brought to the present one', async (context) => {
  const { engine, pool } = await postgresBench(context)
  const topic = { namespace: 'default', topic: 'crm.customer' }
  const older = await engine()
  await older.log.create(topic, { kind: 'event', shards: 1 })
  const request = (id: string) => ({ event: { id, source: '/crm', type: 't' }, shard: 0 })
  await older.log.append(topic, [request('1')])
  await older.stop()
  await pool.query(`
    drop function tidings_broker.known, tidings_broker.append;
    update tidings_broker.store set format = 3`)
  const newer = await engine()
  expect(await newer.log.append(topic, [request('1'), request('2')])).toEqual([
    { status: 'duplicate', offset: 1 },
    { status: 'stored', offset: 2, stale: false },
  ])
})
