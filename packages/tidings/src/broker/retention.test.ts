import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import type { Engine } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { TidingsError } from '../errors.ts'
import { replicaBench } from '../replica/replica.fixture.ts'
import { onSqlite } from '../testing/databases.fixture.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type BrokerNotice } from './index.ts'

const caller = { namespace: 'default', principal: 'shop' }
const topic = 'shop.order'
const dayMs = 24 * 3_600_000
const minuteMs = 60_000

const event = (id: string) => ({ event: { id, source: '/shop', type: topic, key: id } })

it('retention by age removes what is older, and warns once of who holds the rest', async () => {
  const environment = simulatedEnvironment()
  const notices: BrokerNotice[] = []
  const engine = memoryEngine({ environment })
  const report = (notice: BrokerNotice): void => void notices.push(notice)
  const broker = createBroker({ engine, authorize: allowAll, environment, report })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention: { maxAgeMs: dayMs } })
  const ids = async () => (await broker.read(caller, { topic })).events.map((each) => each.event.id)
  await broker.publish(caller, { topic, events: [event('1'), event('2')] })
  await environment.advance(dayMs / 2)
  await broker.publish(caller, { topic, events: [event('3')] })
  await broker.putSubscription(caller, { subscription: 'mail.slow', topic, from: 'end' })
  await environment.advance(dayMs / 2 + 2 * minuteMs)
  expect(await ids()).toEqual(['3'])
  await broker.publish(caller, { topic, events: [event('4')] })
  await environment.advance(dayMs + 5 * minuteMs)
  expect(await ids()).toEqual(['4'])
  expect(notices.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^Subscription mail\.slow holds 1 events/),
  ])
  expect(notices[0]!.details).toMatchObject({ topic, subscription: 'mail.slow', events: 1 })
  expect((await broker.topic(caller, topic)).held).toMatchObject({ subscription: 'mail.slow', events: 1 })
  await broker.removeSubscription(caller, 'mail.slow')
  await environment.advance(2 * minuteMs)
  expect(await ids()).toEqual([])
  await broker.stop()
})

it('a loss is one while it goes on, and is named for a minute after it, however often the bounds are looked at', async () => {
  const environment = simulatedEnvironment()
  const engine = memoryEngine({ environment })
  const broker = createBroker({ engine, authorize: allowAll, environment, retentionEveryMs: 1_000 })
  await broker.start()
  const retention = { maxEvents: 1, overtakes: true }
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention })
  await broker.putSubscription(caller, { subscription: 'mail.slow', topic, from: 'beginning' })
  const overtaken = async () => (await broker.topic(caller, topic)).overtaken
  const lose = (...ids: string[]) => broker.publish(caller, { topic, events: ids.map(event) })
  await lose('1', '2', '3')
  await environment.advance(1_500)
  const [loss] = (await overtaken())!
  expect(loss).toMatchObject({ subscription: 'mail.slow', events: 2 })
  await environment.advance(minuteMs - 2_000)
  expect(await overtaken()).toEqual([loss])
  await lose('4')
  await environment.advance(minuteMs)
  expect(await overtaken()).toEqual([{ ...loss, events: 3 }])
  await environment.advance(2_000)
  expect(await overtaken()).toBeUndefined()
  await lose('5')
  await environment.advance(1_500)
  expect(await overtaken()).toMatchObject([{ subscription: 'mail.slow', events: 1 }])
  await broker.stop()
})

it('a copy that is older than the tombstones is told so and loads everything again', async (context) => {
  const { customer } = defineContract('crm', {
    customer: defineEntity({ key: 'id', schema: z.object({ id: z.string() }) }),
  })
  const bench = await replicaBench(customer, await onSqlite(context))
  const owner = { namespace: 'default', principal: 'crm' }
  const retention = { maxEvents: 1, tombstonesMs: dayMs }
  await bench.broker.putTopic(owner, { topic: customer.topic, kind: 'entity', owner: 'crm', retention })
  await bench.publish({ id: 'c1' }, { id: 'c2' })
  const latest = async () =>
    (await bench.broker.latest(owner, { topic: customer.topic })).events.map((each) => each.event.type).sort()
  // Out of reach of its broker while the tombstone comes and goes.
  let away = false
  const broker = new Proxy(bench.broker, {
    get(target, name) {
      const call = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>
      return (...given: unknown[]) => (away ? Promise.reject(new Error('away')) : call(...given))
    },
  })
  const customers = await bench.start({ columns: [], store: 'memory' }, { broker })
  await bench.environment.advance(300)
  expect(await customers.all()).toEqual([{ id: 'c1' }, { id: 'c2' }])
  away = true
  await bench.publish('c1', { id: 'c3' })
  await bench.environment.advance(2 * minuteMs)
  expect(await latest()).toEqual(['crm.customer.deleted', 'crm.customer.updated', 'crm.customer.updated'])
  await bench.environment.advance(dayMs + minuteMs)
  expect(await latest()).toEqual(['crm.customer.updated', 'crm.customer.updated'])
  away = false
  await bench.environment.advance(2 * minuteMs)
  expect(await customers.all()).toEqual([{ id: 'c2' }, { id: 'c3' }])
  const stopped = bench.stop()
  await bench.environment.advance(1_000)
  await stopped
}, 120_000)

it('retention that cannot see which topics there are says so and tries again', async () => {
  const environment = simulatedEnvironment()
  const notices: BrokerNotice[] = []
  const engine = memoryEngine({ environment })
  let isOut = false
  const load: Engine['ledger']['load'] = async (...given) => {
    if (isOut) throw new TidingsError('unavailable', 'The store is out of reach.')
    return engine.ledger.load(...given)
  }
  // A store that several servers share is asked each time.
  const capabilities = { ...engine.capabilities, shared: true }
  const shared: Engine = { ...engine, capabilities, ledger: { ...engine.ledger, load } }
  const report = (notice: BrokerNotice): void => void notices.push(notice)
  const broker = createBroker({ engine: shared, authorize: allowAll, environment, report })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention: { maxEvents: 1 } })
  await broker.publish(caller, { topic, events: [event('1'), event('2')] })
  isOut = true
  await environment.advance(2 * minuteMs)
  expect(notices.map(({ message }) => message)).toContain(
    'It could not be found out which topics there are to trim: The store is out of reach.',
  )
  isOut = false
  await environment.advance(2 * minuteMs)
  expect((await broker.read(caller, { topic })).events.map((each) => each.event.id)).toEqual(['2'])
  await broker.stop()
})
