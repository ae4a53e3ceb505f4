import { expect, test, type TestContext } from 'vitest'
import type { Engine } from '../../engine/index.ts'
import { postgresBench, standingStill } from './postgres.fixture.ts'

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
  const { pool, standing, goOn } = standingStill(poolOf(), 'with events as')
  const still = await engine({ pool, fence: await free.ledger.own(leader) })
  const answered = still.log.append(topic, [entity('3')])
  await standing
  let isOwner = false
  const owning = free.ledger.own(leader).then(() => (isOwner = true))
  // Calls that are begun now wait behind the new owner and find that they are too late.
  await expect(waitsForLock(poolOf())).resolves.toBe(true)
  const late = still.log.append(other, [entity('4')])
  expect(isOwner).toBe(false)
  goOn()
  expect(await answered).toMatchObject([{ status: 'stored', offset: 3 }])
  await owning
  await expect(late).rejects.toMatchObject({ code: 'ownership-lost' })
  expect(await free.log.describe(topic)).toMatchObject({ head: 3 })
})

test('the owner commits to its own ledger however many of its writes are under way', async (context) => {
  const { engine, poolOf, free } = await bench(context)
  const ownership = await free.ledger.own(leader)
  const { pool, standing, goOn } = standingStill(poolOf(), 'with events as')
  const still = await engine({ pool, fence: ownership })
  const answered = still.log.append(topic, [entity('3')])
  await standing
  await free.ledger.commit(ownership, [{ key: 'beat', value: '1' }])
  goOn()
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

/** Resolves once somebody waits for an advisory lock in this database. */
async function waitsForLock(pool: { query(text: string): Promise<{ rows: unknown[] }> }): Promise<boolean> {
  for (;;) {
    const { rows } = await pool.query(
      `select from pg_locks where locktype = 'advisory' and not granted
         and database = (select oid from pg_database where datname = current_database())`,
    )
    if (rows.length > 0) return true
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
