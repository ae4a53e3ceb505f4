import { expect, test } from 'vitest'
import { eventLog, eventOf, requestOf, topic } from '../../engine/conformance/scene.ts'
import { allIdentities, itemsOf } from '../../engine/conformance/whole-store.ts'
import { postgresEngine } from './index.ts'
import { postgresBench } from './postgres.fixture.ts'

const ledger = { namespace: 'default', ledger: 'sales.mail', shard: 0 }

test('whoever writes while the store is held waits, and is refused once it was left', async (context) => {
  const bench = await postgresBench(context)
  const running = await bench.engine()
  await running.log.create(topic, eventLog)
  await running.log.append(topic, [requestOf(eventOf('1'))])
  const held = await postgresEngine({ pool: bench.poolOf() }).hold!()
  const writes = [
    running.log.append(topic, [requestOf(eventOf('2'))]),
    running.log.create({ ...topic, topic: 'a.b' }, eventLog),
    running.ledger.own(ledger),
  ]
  const outcomes = Promise.allSettled(writes)
  const waiting = async (): Promise<number> => {
    const { rows } = await bench.pool.query<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows[0]!.count
  }
  while ((await waiting()) < writes.length) await new Promise((resolve) => setTimeout(resolve, 10))
  const items = await itemsOf(held, allIdentities)
  expect(items.filter(({ item }) => item === 'record')).toHaveLength(1)
  await held.leave({ move: 'm', to: 'elsewhere' })
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'store-moved', details: { to: 'elsewhere' } } })
  }
  await held.release()
  for (const write of [
    () => running.log.append(topic, [requestOf(eventOf('3'))]),
    () => running.log.trim(topic, 1),
    () => running.log.remove(topic),
    () => running.ledger.own(ledger),
  ]) {
    await expect(write()).rejects.toMatchObject({ code: 'store-moved' })
  }
  await expect(bench.engine()).rejects.toMatchObject({ code: 'store-moved' })
})

test('whoever waited goes on where the store was only looked at', async (context) => {
  const bench = await postgresBench(context)
  const running = await bench.engine()
  await running.log.create(topic, eventLog)
  const held = await postgresEngine({ pool: bench.poolOf() }).hold!()
  const append = running.log.append(topic, [requestOf(eventOf('1'))])
  await held.release()
  expect(await append).toEqual([{ status: 'stored', offset: 1, stale: false }])
})

test('an engine that runs is not held', async (context) => {
  const running = await (await postgresBench(context)).engine()
  await expect(running.hold!()).rejects.toMatchObject({ code: 'store-locked' })
})
