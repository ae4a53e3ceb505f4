import { createServer } from 'node:net'
import { startServer } from '@tidings/server'
import { postgresDatabase } from '@tidings/tools/postgres'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { jsonLines, openBench, type Bench, type RunningCommand } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const published = async (service = 'crm'): Promise<unknown[]> => {
  const { events } = await bench.broker.read(bench.caller, { topic: `${service}.mail`, limit: 100 })
  return events.map(({ event }) => JSON.parse(new TextDecoder().decode(event.data)))
}

async function startRelay(words: readonly string[], url: string, service = 'crm'): Promise<RunningCommand> {
  const running = bench.start(['relay', service, ...words], { variables: { TIDINGS_DATABASE: url } })
  await running.printed(/Relaying for/)
  return running
}

test('relay carries what any client has written with its transaction, killed and started again', async (context) => {
  const { url } = await postgresDatabase(context)
  await bench.broker.putTopic(bench.caller, { topic: 'crm.mail', kind: 'event', owner: 'crm' })
  const first = await startRelay([], url)
  const client = new Client({ connectionString: url })
  await client.connect()
  context.onTestFinished(() => client.end())
  const publish = (number: number) => client.query("select tidings.publish('crm.mail', $1::jsonb)", [`${number}`])
  await publish(1)
  await vi.waitFor(async () => expect(await published()).toEqual([1]), 20_000)
  first.child.kill('SIGKILL')
  await first.ended
  await client.query('begin')
  await publish(2)
  await client.query('rollback')
  await publish(3)
  const second = await startRelay([], url)
  await vi.waitFor(async () => expect(await published()).toEqual([1, 3]), 20_000)
  second.child.kill('SIGTERM')
  expect(await second.ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/Stopping\.\nStopped\.\n$/) })
})

test('relay waits for a server that is not there yet', async (context) => {
  const { url } = await postgresDatabase(context)
  const port = await freePort()
  const running = bench.start(['relay', 'late', '--database', url, '--url', `http://127.0.0.1:${port}`])
  await running.printed(/out of reach.*tried again/s)
  await using server = await startServer({ engine: 'memory', port })
  const caller = { namespace: 'default', principal: 'late' }
  await server.broker.putTopic(caller, { topic: 'late.mail', kind: 'event', owner: 'late' })
  const client = new Client({ connectionString: url })
  await client.connect()
  await vi.waitFor(async () => {
    await client.query("select tidings.publish('late.mail', '1')")
    const { events } = await server.broker.read(caller, { topic: 'late.mail', limit: 1 })
    expect(events).toHaveLength(1)
  }, 30_000)
  await client.end()
  running.child.kill('SIGTERM')
  expect(await running.ended).toMatchObject({ code: 0 })
})

test('relay --json says for whom it relays, for programs', async (context) => {
  const { url } = await postgresDatabase(context)
  const running = bench.start(['relay', 'shop', '--database', url, '--json'])
  await running.printed(/\n/)
  running.child.kill('SIGINT')
  const { code, stdout } = await running.ended
  expect([code, jsonLines(stdout)]).toEqual([0, [{ service: 'shop', url: bench.server.url, pid: running.child.pid }]])
})

test('relay is woken by commits, and leaves no replication slot behind, stopped or killed', async (context) => {
  const { url } = await postgresDatabase(context)
  const client = new Client({ connectionString: url })
  await client.connect()
  context.onTestFinished(() => client.end())
  const slots = async () =>
    (await client.query('select slot_name from pg_replication_slots where database = current_database()')).rowCount
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const running = await startRelay([], url, 'woken')
    await running.printed(/Commits wake this process/)
    expect(await slots()).toBe(1)
    running.child.kill(signal)
    await running.ended
    await vi.waitFor(async () => expect(await slots()).toBe(0), 20_000)
  }
})

test('relay polls where nothing can wake it, or nothing is to, and says why once', async (context) => {
  const { url } = await postgresDatabase(context)
  const client = new Client({ connectionString: url })
  await client.connect()
  const role = `poller_${process.pid}`
  await client.query(`create role ${role} login; create schema tidings authorization ${role}`)
  context.onTestFinished(async () => {
    await client.query(`drop owned by ${role} cascade; drop role ${role}`)
    await client.end()
  })
  const ordinary = Object.assign(new URL(url), { username: role }).href
  await bench.broker.putTopic(bench.caller, { topic: 'poller.mail', kind: 'event', owner: 'poller' })
  for (const [words, note] of [
    [[], /^Commits do not wake this process, .*polling: .*alter role .* replication/m],
    [['--no-wake-ups'], /^(?!.*Commits)/],
  ] as const) {
    const running = await startRelay(words, ordinary, 'poller')
    await running.printed(note)
    await client.query("select tidings.publish('poller.mail', $1::jsonb)", [`${words.length}`])
    await vi.waitFor(async () => expect((await published('poller')).at(-1)).toBe(words.length), 20_000)
    running.child.kill('SIGTERM')
    const { code, stderr } = await running.ended
    expect([code, stderr.match(/Commits/g)?.length ?? 0]).toEqual([0, words.length === 0 ? 1 : 0])
  }
  expect((await client.query('select from pg_publication')).rowCount).toBe(0)
})

test('relay says what is wrong with its database', async (context) => {
  const { url } = await postgresDatabase(context)
  expect(await bench.tidings('relay', 'crm')).toMatchObject({ code: 2, stderr: expect.stringContaining('--database') })
  expect(await bench.tidings('relay', 'CRM', '--database', url)).toMatchObject({ code: 2 })
  const [nobody, nothing] = [new URL(url), new URL(url)]
  nobody.username = 'nobody_of_this_name'
  nothing.pathname = 'no_such_database'
  expect(await bench.tidings('relay', 'crm', '--database', nobody.href)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('check the credentials'),
  })
  expect(await bench.tidings('relay', 'crm', '--database', nothing.href)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no such database'),
  })
  expect(await bench.tidings('relay', 'crm', '--database', 'mysql://localhost/crm')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('postgres://'),
  })
})

/** A port at which nobody listens. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
