import { expect, it } from 'vitest'
import type { Engine, Log } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker } from './index.ts'

const caller = { namespace: 'default', principal: 'tester' }
const topic = 'shop.order'
const subscription = 'mail.thanks'

it.each<[string, (log: Log) => Log['watch']]>([
  ['lost', () => () => () => undefined],
  [
    'doubled',
    (log) => (id, listener) =>
      log.watch(id, () => {
        listener()
        listener()
      }),
  ],
])('whoever waits gets each event once, in order, when every hint of the log is %s', async (_, watching) => {
  const environment = simulatedEnvironment()
  const store = memoryEngine({ environment })
  const engine: Engine = { ...store, log: { ...store.log, watch: watching(store.log) } }
  const broker = createBroker({ engine, authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  const found: string[] = []
  for (const id of ['1', '2', '3']) {
    const waiting = broker.pull(caller, { subscription, waitMs: 60_000 })
    const event = { id, source: '/shop', type: topic, key: 'a' }
    await broker.publish(caller, { topic, events: [{ event }] })
    await environment.advance(10_000)
    const { deliveries } = await waiting
    found.push(...deliveries.map((delivery) => delivery.event.id))
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
    await broker.settle(caller, { subscription, outcomes })
  }
  expect(found).toEqual(['1', '2', '3'])
  expect(await broker.stats(caller, subscription)).toMatchObject({ acknowledged: 3, pending: 0 })
  await broker.stop()
})
