import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPool, postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import { Client, type ClientConfig } from 'pg'
import { createRelay } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import { followCommits, type FollowNote } from 'tidings/capture'
import { postgresDatabase } from 'tidings/databases/postgres'
import { memoryEngine } from 'tidings/engines/memory'
import { expect, test } from 'vitest'
import { blocksOf } from './blocks.ts'

const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/postgres.md'), 'utf8')
const [owner, writer, calls, trigger, wakeUps] = blocksOf(guide)
  .filter(({ language }) => language === 'sql')
  // Roles belong to the whole server, which other tests use as well.
  .map(({ text }) => text.replaceAll(/\b(crm|writer)(?= login| replication|;| --)/g, `$1_${process.pid}`))

test('the rights in the guide suffice for its calls, and its trigger tells every change', async (context) => {
  const { url } = await emptyDatabase(context)
  const admin = openPool({ connectionString: url })
  const as = (role: string) => {
    const pool = openPool({ connectionString: Object.assign(new URL(url), { username: role }).href })
    context.onTestFinished(() => pool.end())
    return pool
  }
  const roles = ['crm', 'writer'].map((role) => `${role}_${process.pid}`)
  await admin.query(owner!)
  context.onTestFinished(async () => {
    await admin.query(roles.map((role) => `drop owned by ${role} cascade; drop role ${role}`).join(';'))
    await admin.end()
  })
  const [crm, other] = [as(roles[0]!), as(roles[1]!)]
  const database = postgresDatabase({ pool: crm })
  context.onTestFinished(() => database.stop())
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  context.onTestFinished(() => broker.stop())
  await broker.start()
  const relay = createRelay({ service: 'crm', database, broker, report: () => undefined })
  await relay.start()
  // What is written from here on stays where it is, to be looked at.
  await relay.stop()
  await admin.query(writer!)
  await other.query(calls!)
  await crm.query(trigger!)
  await crm.query("insert into customer values ('c8', 'Bob'); update customer set name = 'Rob'; delete from customer")
  const { rows } = await crm.query("select topic, convert_from(key, 'UTF8') as key from tidings.outbox order by id")
  expect(rows.map(({ topic, key }) => `${topic} ${key}`)).toEqual([
    'crm.mail c7',
    'crm.customer c7',
    'crm.customer c7',
    ...Array<string>(3).fill('crm.customer c8'),
  ])
})

test('the rights in the guide suffice for being woken by commits', async (context) => {
  const { url } = await emptyDatabase(context)
  const { pathname } = new URL(url)
  const role = `crm_${process.pid}`
  const admin = openPool({ connectionString: url })
  await admin.query(owner!)
  context.onTestFinished(async () => {
    await admin.query(`drop owned by ${role} cascade; drop role ${role}`)
    await admin.end()
  })
  const connectionString = Object.assign(new URL(url), { username: role }).href
  const pool = openPool({ connectionString })
  context.onTestFinished(() => pool.end())
  const database = postgresDatabase({ pool })
  context.onTestFinished(() => database.stop())
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  context.onTestFinished(() => broker.stop())
  await broker.start()
  const notes: FollowNote[] = []
  const start = async () => {
    const follower = followCommits({
      pool,
      replication: () => new Client({ connectionString, replication: 'database' } as ClientConfig),
      onNote: (note) => notes.push(note),
    })
    const relay = createRelay({ service: 'crm', database, broker, report: () => undefined, wakeUps: follower })
    context.onTestFinished(() => relay.stop())
    await relay.start()
    return relay
  }
  const refused = await start()
  await expect.poll(() => notes.at(-1)?.message, { timeout: 30_000 }).toMatch(/replication/)
  await refused.stop()
  await admin.query(wakeUps!.replace('database crm', `database ${pathname.slice(1)}`))
  await start()
  await expect.poll(() => notes.at(-1)?.following, { timeout: 30_000 }).toBe(true)
})
