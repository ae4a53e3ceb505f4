import { expect, test, type TestContext } from 'vitest'
import type { Engine } from '../../engine/index.ts'
import { systemEnvironment } from '../../environment/index.ts'
import { postgresBench } from './postgres.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }

/** An engine with a clock of its own and room for ten identities. */
async function bench(context: TestContext) {
  const { engine, pool } = await postgresBench(context)
  const shift = { wallMs: 0, monotonicMs: 0 }
  const clock = {
    now: () => systemEnvironment.clock.now() + shift.wallMs,
    monotonic: () => systemEnvironment.clock.monotonic() + shift.monotonicMs,
  }
  const made = await engine({ environment: { ...systemEnvironment, clock }, deduplication: { maxIds: 10 } })
  await made.log.create(topic, { kind: 'event', shards: 1 })
  return { engine: made, pool, shift }
}

function append(engine: Engine, ...ids: readonly string[]) {
  const events = ids.map((id) => ({ event: { id, source: '/crm', type: 't' }, shard: 0 }))
  return engine.log.append(topic, events)
}

test('what has left the deduplication window is removed from the store now and then', async (context) => {
  const { engine, pool, shift } = await bench(context)
  await append(engine, ...Array.from({ length: 30 }, (_, index) => String(index)))
  const count = async (): Promise<number> => {
    const { rows } = await pool.query<{ count: number }>(
      'select count(*)::integer as count from tidings_broker.identity',
    )
    return rows[0]!.count
  }
  expect(await count()).toBe(30)
  shift.monotonicMs += 61_000
  await append(engine, 'last')
  while ((await count()) > 10) await new Promise((resolve) => setTimeout(resolve, 10))
  expect((await engine.log.describe(topic))?.deduplication.ids).toBe(10)
  expect(await append(engine, '29')).toEqual([{ status: 'duplicate', offset: 30 }])
})

test('a clock that goes back does not: the times of a log do not decrease, and the window holds', async (context) => {
  const { engine, shift } = await bench(context)
  await append(engine, '1')
  shift.wallMs -= 3_600_000
  await append(engine, '2')
  const { records } = await engine.log.read(topic, { after: 0, limit: 10 })
  expect(records[1]!.appendedAt).toBe(records[0]!.appendedAt)
  expect(await append(engine, '1', '2')).toEqual([1, 2].map((offset) => ({ status: 'duplicate', offset })))
  expect((await engine.log.describe(topic))?.deduplication.ids).toBe(2)
})
