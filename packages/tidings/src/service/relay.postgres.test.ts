import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import { Client, type ClientConfig } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import { allowAll, createBroker, type Broker } from '../broker/index.ts'
import { followCommits, type FollowNote } from '../capture/index.ts'
import { postgresDatabase } from '../databases/postgres/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { systemEnvironment, type Environment } from '../environment/index.ts'
import { createRelay, createService } from './index.ts'
import { crm } from './service.fixture.ts'

const hourMs = 3_600_000
const slots = 'select from pg_replication_slots where database = current_database()'
const caller = { namespace: 'default', principal: 'crm' }

async function bench(context: TestContext) {
  const { url } = await emptyDatabase(context)
  const pool = openPool({ connectionString: url })
  context.onTestFinished(() => pool.end())
  const database = postgresDatabase({ pool })
  context.onTestFinished(() => database.stop())
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  context.onTestFinished(() => broker.stop())
  await broker.putTopic(caller, { topic: 'crm.mail', kind: 'event', owner: 'crm' })
  const notes: FollowNote[] = []
  const wakeUps = followCommits({
    pool,
    replication: () => new Client({ connectionString: url, replication: 'database' } as ClientConfig),
    onNote: (note) => notes.push(note),
  })
  return { pool, broker, database, wakeUps, notes, report: () => undefined }
}

async function mails(broker: Broker): Promise<unknown[]> {
  const { events } = await broker.read(caller, { topic: 'crm.mail', limit: 1_000 })
  return events.map(({ event }) => JSON.parse(new TextDecoder().decode(event.data)))
}

test('what other programs commit is relayed at once, although the relay polls once an hour', async (context) => {
  const { pool, broker, notes, ...parts } = await bench(context)
  const relay = createRelay({ service: 'crm', broker, ...parts, pollMs: hourMs })
  context.onTestFinished(() => relay.stop())
  await relay.start()
  await expect.poll(() => notes.at(-1)?.following, { timeout: 30_000 }).toBe(true)
  for (let number = 1; number <= 3; number++) {
    await pool.query("select tidings.publish('crm.mail', $1::jsonb)", [`${number}`])
    await expect.poll(() => mails(broker), { timeout: 20_000 }).toHaveLength(number)
  }
  // Both tables that take turns wake.
  await pool.query('update tidings.outbox_current set number = 3 - number')
  await pool.query("select tidings.publish('crm.mail', '4')")
  await expect.poll(() => mails(broker), { timeout: 20_000 }).toEqual([1, 2, 3, 4])
  await relay.stop()
  await expect.poll(async () => (await pool.query(slots)).rowCount, { timeout: 20_000 }).toBe(0)
})

test('a service is woken by what other processes commit, until it stops', async (context) => {
  const { pool, broker, notes, ...parts } = await bench(context)
  const { clock, ids, random, timers } = systemEnvironment
  // Polls, which wait for 200 ms, wait for more than a test does; the short pauses of the relay stay short.
  const after: typeof timers.after = (ms, run) => timers.after(ms < 100 ? ms : ms * 1_000, run)
  const slow: Environment = { clock, ids, random, timers: { after } }
  const service = createService({ contract: crm, broker, ...parts, environment: slow })
  context.onTestFinished(() => service.stop())
  await service.start()
  await expect.poll(() => notes.at(-1)?.following, { timeout: 30_000 }).toBe(true)
  await pool.query("select tidings.publish('crm.mail', '1')")
  await expect.poll(() => mails(broker), { timeout: 20_000 }).toEqual([1])
  await service.stop()
  await expect.poll(async () => (await pool.query(slots)).rowCount, { timeout: 20_000 }).toBe(0)
})
