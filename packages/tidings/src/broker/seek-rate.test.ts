import { expect, it } from 'vitest'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type Broker } from './index.ts'

const caller = { namespace: 'default', principal: 'shop' }
const topic = 'shop.order'
const subscription = 'mail.thanks'

/** A stream that takes one delivery. */
async function worker(broker: Broker) {
  const streamed: string[] = []
  const stream = await broker.stream(caller, {
    subscription,
    holder: 'worker',
    onDeliveries: (deliveries) => streamed.push(...deliveries.map(({ event }) => event.id)),
    onClosed: () => undefined,
  })
  stream.grant(1)
  return { streamed, stream }
}

it('a bounded seek keeps its rate across a restart, until what the topic held then has passed', async () => {
  const environment = simulatedEnvironment()
  const engine = memoryEngine({ environment })
  const start = async () => {
    const started = createBroker({ engine, authorize: allowAll, environment })
    await started.start()
    return started
  }
  let broker = await start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  const publish = async (...ids: string[]) => {
    await broker.publish(caller, { topic, events: ids.map((id) => ({ event: { id, source: '/shop', type: topic } })) })
    await environment.advance(10)
  }
  /** Acknowledges whatever there is. */
  const handle = async (): Promise<string[]> => {
    const { deliveries } = await broker.pull(caller, { subscription, max: 100 })
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
    if (outcomes.length > 0) await broker.settle(caller, { subscription, outcomes })
    return deliveries.map(({ event }) => event.id)
  }
  await publish('1', '2', '3', '4')
  expect(await handle()).toEqual(['1', '2', '3', '4'])
  await broker.seek(caller, { subscription, to: 'beginning', effects: 'run', perSecond: 0.5 })
  await environment.advance(1_900)
  expect(await handle()).toEqual([])
  await environment.advance(100)
  expect(await handle()).toEqual(['1'])
  await broker.stop()
  broker = await start()
  await publish('5')
  await environment.advance(1_900)
  expect(await handle()).toEqual([])
  for (const id of ['2', '3']) {
    await environment.advance(2_000)
    expect(await broker.subscription(caller, subscription)).toMatchObject({ seekRate: { perSecond: 0.5 } })
    expect(await handle()).toEqual([id])
  }
  await environment.advance(2_000)
  const [last] = (await broker.pull(caller, { subscription, max: 100 })).deliveries
  const { streamed, stream } = await worker(broker)
  await environment.advance(10)
  expect([last?.event.id, streamed]).toEqual(['4', []])
  await broker.settle(caller, { subscription, outcomes: [{ lease: last!.lease, action: 'ack' }] })
  await environment.advance(10)
  expect(streamed, 'whoever waits gets it at once').toEqual(['5'])
  await stream.close()
  expect(await handle()).toEqual(['5'])
  expect(await broker.subscription(caller, subscription)).not.toHaveProperty('seekRate')
  await publish('6', '7', '8')
  expect(await handle()).toEqual(['6', '7', '8'])
  await broker.stop()
})
