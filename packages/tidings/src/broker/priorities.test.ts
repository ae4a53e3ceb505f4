import { expect, it } from 'vitest'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker } from './index.ts'

const caller = { namespace: 'default', principal: 'shop' }
const topic = 'shop.order'
const subscription = 'mail.thanks'

it('an important event behind 20,000 unimportant ones is handed out next, and memory does not hold those', async () => {
  const environment = simulatedEnvironment()
  const broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  const policy = { priorities: [{ types: ['alarm'] }], maxInFlight: 10 }
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning', policy })
  const publish = (ids: readonly string[], type: string) =>
    broker.publish(caller, {
      topic,
      events: ids.map((id) => ({ event: { id, source: '/shop', type, key: id } })),
    })
  const pull = async (max: number) => (await broker.pull(caller, { subscription, max })).deliveries
  for (let batch = 0; batch < 40; batch++) {
    await publish(
      Array.from({ length: 500 }, (_, index) => `${batch}-${index}`),
      'order',
    )
  }
  await environment.advance(10)
  const first = await pull(10)
  expect(first.map(({ priority }) => priority)).toEqual(Array.from({ length: 10 }, () => 1))
  await publish(['fire'], 'alarm')
  await environment.advance(10)
  expect(await pull(1)).toEqual([])
  const [given] = first
  await broker.settle(caller, { subscription, outcomes: [{ lease: given!.lease, action: 'ack' }] })
  expect((await pull(1)).map(({ event, priority }) => [event.id, priority])).toEqual([['fire', 0]])
  const stats = await broker.stats(caller, subscription)
  expect(stats).toMatchObject({ pending: 20_000, acknowledged: 1, leased: 10 })
  expect(stats.ready).toBeLessThan(2_000)
  await broker.stop()
})
