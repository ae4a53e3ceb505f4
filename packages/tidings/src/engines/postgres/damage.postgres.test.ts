import type { Pool } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import type { Engine } from '../../engine/index.ts'
import { postgresBench } from './postgres.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

/** An engine with four events of two keys in its log. */
async function filled(context: TestContext): Promise<{ engine: Engine; pool: Pool }> {
  const bench = await postgresBench(context)
  const engine = await bench.engine()
  await engine.log.create(topic, { kind: 'entity', shards: 1 })
  const events = ['a', 'b', 'a', 'b'].map((key, index) => ({
    event: { id: String(index + 1), source: '/crm', type: 't', key, data: new Uint8Array(100).fill(index) },
    shard: 0,
  }))
  await engine.log.append(topic, events)
  return { engine, pool: bench.pool }
}

test.for([
  ['one byte of its payload', 'record = set_byte(record, length(record) - 1, 99)'],
  ['its format', 'record = set_byte(record, 0, 9)'],
  ['its checksum', 'record = set_byte(record, 2, get_byte(record, 2) # 1)'],
  ['its length', 'record = substr(record, 1, 50)'],
  ['everything', "record = ''"],
  ['its shard', 'shard = 7'],
  ['its time', 'appended_at = appended_at + 1'],
  ['whether it is stale', 'stale = not stale'],
  ['whether it is erased', 'erased = not erased'],
  ['its place', `record = (select record from tidings_broker.event where "offset" = 1)`],
] as const)('a record of which %s was changed is reported, and the others are read', async ([_, change], context) => {
  const { engine, pool } = await filled(context)
  await pool.query(`update tidings_broker.event set ${change} where "offset" = 2`)
  const page = await engine.log.read(topic, { after: 0, limit: 10 })
  expect([page.damaged, page.until]).toEqual([[2], 4])
  expect(page.records.map(({ offset }) => offset)).toEqual([1, 3, 4])
})

test('latest() says of which offset the record is damaged, instead of leaving a key out', async (context) => {
  const { engine, pool } = await filled(context)
  await pool.query(`update tidings_broker.event set shard = 7 where "offset" = 3`)
  await expect(engine.log.latest(topic, { limit: 10 })).rejects.toMatchObject({
    code: 'store-corrupt',
    message: expect.stringMatching(/offset 3/),
  })
  await pool.query(`delete from tidings_broker.event where "offset" = 3`)
  await expect(engine.log.latest(topic, { limit: 10 })).rejects.toMatchObject({ code: 'store-corrupt' })
})

test('a damaged record is erased all the same, and is a duplicate of what it was', async (context) => {
  const { engine, pool } = await filled(context)
  await pool.query(`update tidings_broker.event set record = set_byte(record, 0, 9) where "offset" = 1`)
  const again = { id: '1', source: '/crm', type: 't', key: 'a', data: new Uint8Array(100) }
  expect(await engine.log.append(topic, [{ event: again, shard: 0 }])).toEqual([{ status: 'duplicate', offset: 1 }])
  expect(await engine.log.erase(topic, 'a')).toBe(2)
  expect((await engine.log.read(topic, { after: 0, limit: 10 })).damaged).toEqual([1])
  const { rows } = await pool.query(`select length(record) as bytes from tidings_broker.event where "offset" = 1`)
  expect(rows).toEqual([{ bytes: 0 }])
})

test('a damaged entry of a ledger is said by its name', async (context) => {
  const { engine, pool } = await filled(context)
  const ownership = await engine.ledger.own(ledger)
  await engine.ledger.commit(ownership, [
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ])
  await pool.query(
    `update tidings_broker.entry set value = (select value from tidings_broker.entry where key = 'a') where key = 'b'`,
  )
  await expect(engine.ledger.load(ledger, {}, 10)).rejects.toMatchObject({
    code: 'store-corrupt',
    message: expect.stringMatching(/Entry b of ledger marketing.customer/),
  })
  expect(await engine.ledger.load(ledger, { to: 'b' }, 10)).toEqual([{ key: 'a', value: '1' }])
})
