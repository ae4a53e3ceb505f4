import { expect, it } from 'vitest'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker } from './index.ts'

const caller = { namespace: 'default', principal: 'tester' }
const topic = 'shop.order'
const subscription = 'mail.thanks'

it('whoever waits for a rate gets an event that time let through while the broker was at work', async () => {
  const simulated = simulatedEnvironment()
  let readings = 0
  // A machine so slow that a millisecond goes by between two looks at the clock.
  const clock = { ...simulated.clock, monotonic: () => simulated.clock.monotonic() + readings++ }
  const environment = { ...simulated, clock }
  const broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  const policy = { rate: { perSecond: 20, burst: 1 } }
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning', policy })
  const ids = Array.from({ length: 100 }, (_, index) => String(index))
  const events = ids.map((id) => ({ event: { id, source: '/shop', type: topic, key: id } }))
  await broker.publish(caller, { topic, events })
  const taken: string[] = []
  const take = async (): Promise<void> => {
    const { deliveries } = await broker.pull(caller, { subscription, max: 1, waitMs: 100 })
    taken.push(...deliveries.map(({ event }) => event.id))
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
    await broker.settle(caller, { subscription, outcomes })
  }
  // The second one waits for the rate, each time for another part of its interval.
  for (let idleMs = 0; idleMs < 50; idleMs++) {
    await take()
    await simulated.advance(idleMs)
    const waiting = take()
    await simulated.advance(100)
    await waiting
  }
  expect(taken).toEqual(ids)
  await broker.stop()
})
