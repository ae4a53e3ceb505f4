import type { Pool } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import type { Engine } from '../../engine/index.ts'
import { postgresBench } from './postgres.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const other = { namespace: 'default', topic: 'crm.other' }
const leader = { namespace: '$servers', ledger: '$leader', shard: 0 }
const ledger = { namespace: 'default', ledger: 'mail.thanks', shard: 0 }

const entity = (id: string) => ({
  event: { id, source: '/crm', type: 'crm.customer', key: 'k', sequence: id.padStart(10, '0') },
  shard: 0,
})

/** A store with something in it, an engine that writes as long as it leads, and one that nobody leads. */
async function bench(context: TestContext) {
  const { engine, poolOf } = await postgresBench(context)
  const free = await engine()
  const fenced = await engine({ fence: await free.ledger.own(leader) })
  await fenced.log.create(topic, { kind: 'entity', shards: 1 })
  await fenced.log.append(topic, [entity('1'), entity('2')])
  const ownership = await fenced.ledger.own(ledger)
  await fenced.ledger.commit(ownership, [{ key: 'a', value: '1' }])
  return { engine, poolOf, free, fenced, ownership }
}

/** Everything that a write could have changed. */
async function contents({ log, ledger: ledgers }: Engine): Promise<unknown> {
  return {
    topics: [await log.describe(topic), await log.describe(other)],
    events: await log.read(topic, { after: 0, limit: 100 }),
    owner: await ledgers.owner(ledger),
    entries: await ledgers.load(ledger, {}, 100),
  }
}

test('every kind of write under an ownership that was replaced rejects as ownership-lost and changes nothing', async (context) => {
  const { free, fenced, ownership } = await bench(context)
  const before = await contents(free)
  await free.ledger.own(leader)
  const { log, ledger: ledgers } = fenced
  const writes: Readonly<Record<string, () => Promise<unknown>>> = {
    create: () => log.create(other, { kind: 'event', shards: 1 }),
    append: () => log.append(topic, [entity('3')]),
    trim: () => log.trim(topic, 2),
    erase: () => log.erase(topic, 'k'),
    remove: () => log.remove(topic),
    own: () => ledgers.own(ledger),
    'own a new one': () => ledgers.own({ ...ledger, ledger: 'mail.other' }),
    commit: () => ledgers.commit(ownership, [{ key: 'a', value: null }]),
    'remove a ledger': () => ledgers.remove(ledger),
  }
  const answers: Record<string, unknown> = {}
  for (const [name, write] of Object.entries(writes)) {
    answers[name] = await write().then(
      () => 'done',
      (error: { readonly code?: string }) => error.code,
    )
  }
  expect(answers).toEqual(Object.fromEntries(Object.keys(writes).map((name) => [name, 'ownership-lost'])))
  expect(await contents(free)).toEqual(before)
  expect(await log.read(topic, { after: 0, limit: 100 })).toMatchObject({ until: 2 })
})

test('whoever becomes the owner waits for what the one before has under way, and finds it', async (context) => {
  const { engine, poolOf, free } = await bench(context)
  const pool = poolOf()
  await free.log.create(other, { kind: 'entity', shards: 1 })
  const leading = await engine({ fence: await free.ledger.own(leader) })
  const letGo = await holdTopics(pool)
  const answered = leading.log.append(topic, [entity('3')])
  await until(pool, appendWaits)
  let isOwner = false
  const owning = free.ledger.own(leader).then(() => (isOwner = true))
  // Calls that are begun now wait behind the new owner and find that they are too late.
  await until(pool, waitsForOwner)
  const late = leading.log.append(other, [entity('4')]).catch((error: unknown) => error)
  expect(isOwner).toBe(false)
  await letGo()
  expect(await answered).toMatchObject([{ status: 'stored', offset: 3 }])
  await owning
  expect(await late).toMatchObject({ code: 'ownership-lost' })
  expect(await free.log.describe(topic)).toMatchObject({ head: 3 })
})

test('the owner commits to its own ledger however many of its writes are under way', async (context) => {
  const { engine, poolOf, free } = await bench(context)
  const pool = poolOf()
  const ownership = await free.ledger.own(leader)
  const leading = await engine({ fence: ownership })
  const letGo = await holdTopics(pool)
  const answered = leading.log.append(topic, [entity('3')])
  await until(pool, appendWaits)
  await free.ledger.commit(ownership, [{ key: 'beat', value: '1' }])
  await letGo()
  expect(await answered).toMatchObject([{ status: 'stored' }])
})

test('an engine under an ownership that was replaced, or never was, does not start', async (context) => {
  const { engine, free } = await bench(context)
  const fence = await free.ledger.own(leader)
  await free.ledger.own(leader)
  await expect(engine({ fence })).rejects.toMatchObject({ code: 'ownership-lost' })
  const unknown = { id: { ...leader, ledger: '$nobody' }, epoch: 1 }
  await expect(engine({ fence: unknown })).rejects.toMatchObject({ code: 'ownership-lost' })
})

/** Keeps everybody from writing a topic until the function that it gives is called. */
async function holdTopics(pool: Pool): Promise<() => Promise<void>> {
  const client = await pool.connect()
  await client.query('begin; select from tidings_broker.topic for update')
  return async () => {
    await client.query('commit')
    client.release()
  }
}

const inThisDatabase = 'database = (select oid from pg_database where datname = current_database())'
const waitsForOwner = `select from pg_locks where locktype = 'advisory' and not granted and ${inThisDatabase}`
const appendWaits = `
  select from pg_stat_activity
  where datname = current_database() and wait_event_type = 'Lock' and query like '%append(%'`

/** Resolves once the query finds something. */
async function until(pool: Pool, query: string): Promise<void> {
  while ((await pool.query(query)).rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
}
