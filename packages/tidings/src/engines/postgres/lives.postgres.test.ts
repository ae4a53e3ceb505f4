import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  postgresPrograms,
  postgresDatabase,
  runPostgres,
  startPostgres,
  stopPostgres,
  type RunningPostgres,
} from '@tidings/tools/postgres'
import { Pool } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import type { Engine, LogDescription, Ownership } from '../../engine/index.ts'
import { postgresEngine } from './index.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

/** Runs something with an engine on a database, and leaves no connection behind. */
async function withEngine<Result>(url: string, work: (engine: Engine) => Promise<Result>): Promise<Result> {
  const pool = new Pool({ connectionString: url })
  pool.on('error', () => undefined)
  const engine = postgresEngine({ pool })
  await engine.start()
  try {
    return await work(engine)
  } finally {
    await engine.stop()
    await pool.end()
  }
}

async function append(engine: Engine, id: string): Promise<void> {
  const producer = { id: 'outbox', epoch: 1, counter: Number(id) }
  await engine.log.append(topic, [{ event: { id, source: '/crm', type: 't', key: 'k' }, shard: 0, producer }])
}

/** The first life: three events, and a ledger with an owner. */
function firstLife(url: string): Promise<{ life: LogDescription; ownership: Ownership }> {
  return withEngine(url, async (engine) => {
    await engine.log.create(topic, { kind: 'entity', shards: 1 })
    for (const id of ['1', '2', '3']) await append(engine, id)
    const ownership = await engine.ledger.own(ledger)
    await engine.ledger.commit(ownership, [{ key: 'a', value: '1' }])
    return { life: (await engine.log.describe(topic))!, ownership }
  })
}

const describe = (url: string) => withEngine(url, async (engine) => (await engine.log.describe(topic))!)

test('a store that is started again in its place goes on with the life that it had', async (context) => {
  const { url } = await postgresDatabase(context)
  const { life } = await firstLife(url)
  expect(await describe(url)).toEqual(life)
})

test('a copy of a database is another life, which names the one before and fences its owners', async (context) => {
  const { url } = await postgresDatabase(context)
  const { life, ownership } = await firstLife(url)
  const copy = await copyOf(context, url)
  const second = await withEngine(copy, async (engine) => {
    const late = engine.ledger.commit(ownership, [{ key: 'a', value: '2' }])
    await expect(late).rejects.toMatchObject({ code: 'ownership-lost' })
    expect(await engine.ledger.load(ledger, {}, 10)).toEqual([{ key: 'a', value: '1' }])
    expect(await engine.log.producer(topic, 'outbox')).toEqual({ epoch: 1, counter: 3 })
    await append(engine, '4')
    return (await engine.log.describe(topic))!
  })
  expect(second.incarnation).not.toBe(life.incarnation)
  expect([second.head, second.continues]).toEqual([4, [{ incarnation: life.incarnation, through: 3 }]])
  expect(await describe(copy)).toEqual(second)
  expect(await describe(url)).toEqual(life)
})

/** A cluster of our own that can be recovered to another timeline, as after a restore or the loss of a primary. */
async function recoverableCluster(context: TestContext) {
  const binaries = postgresPrograms(context)
  const folder = await mkdtemp(join(tmpdir(), 'tidings-recovered-'))
  await chmod(folder, 0o755)
  context.onTestFinished(() => rm(folder, { recursive: true, force: true }))
  let server: RunningPostgres = await startPostgres(binaries, folder)
  context.onTestFinished(() => stopPostgres(server))
  const { url } = server
  const recover = async (): Promise<void> => {
    process.kill(server.pid!, 'SIGINT')
    await stopPostgres(server)
    const signal = join(folder, 'data', 'recovery.signal')
    await writeFile(signal, '')
    await chmod(signal, 0o666)
    const port = Number(new URL(url).port)
    server = await runPostgres({ binaries, folder, port, settings: ['restore_command=/bin/false'] })
    const pool = new Pool({ connectionString: url })
    while ((await pool.query('select pg_is_in_recovery() as is')).rows[0].is) continue
    await pool.end()
  }
  return { url, recover }
}

test('a cluster that was recovered begins a timeline, and its topics another life', async (context) => {
  const { url, recover } = await recoverableCluster(context)
  const { life } = await firstLife(url)
  await recover()
  expect((await describe(url)).continues).toEqual([{ incarnation: life.incarnation, through: 3 }])
})

test('an engine whose cluster was recovered while it ran says so, refuses everything, and is right when started again', async (context) => {
  const { url, recover } = await recoverableCluster(context)
  const { life } = await firstLife(url)
  const pool = new Pool({ connectionString: url })
  pool.on('error', () => undefined)
  context.onTestFinished(() => pool.end())
  let fail = (_error: Error): void => undefined
  const failed = new Promise<Error>((resolve) => (fail = resolve))
  const engine = postgresEngine({ pool, onFatal: (error) => fail(error) })
  await engine.start()
  await recover()
  expect(await failed).toMatchObject({
    code: 'store-failed',
    message: expect.stringMatching(/start the process again/),
  })
  await expect(append(engine, '4')).rejects.toMatchObject({ code: 'store-failed' })
  await engine.stop()
  await engine.start()
  await append(engine, '4')
  expect((await engine.log.describe(topic))?.continues).toEqual([{ incarnation: life.incarnation, through: 3 }])
  await engine.stop()
})

/** A copy of a database, file by file; it goes with the test. */
async function copyOf(context: TestContext, url: string): Promise<string> {
  const copy = new URL(url)
  const name = copy.pathname.slice(1)
  copy.pathname = `${name}_copy`
  const elsewhere = new URL(url)
  elsewhere.pathname = 'postgres'
  const run = async (statement: string): Promise<void> => {
    const pool = new Pool({ connectionString: elsewhere.href })
    await pool.query(statement)
    await pool.end()
  }
  await run(`create database ${name}_copy template ${name}`)
  context.onTestFinished(() => run(`drop database ${name}_copy with (force)`))
  return copy.href
}
