import { allowAll, createBroker, type Delivery } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { expect, test, type TestContext } from 'vitest'
import { whileSure } from './while-sure.ts'

const caller = { namespace: 'default', principal: 'mail' }
const topic = 'shop.order'
const subscription = 'mail.thanks'

async function bench(context: TestContext) {
  const leads = { isSure: true }
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  context.onTestFinished(() => broker.stop())
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  const publish = (id: string) =>
    broker.publish(caller, { topic, events: [{ event: { id, source: '/s', type: topic, key: id } }] })
  return { leads, publish, broker, guarded: whileSure(broker, () => leads.isSure) }
}

test('a broker that is not sure to lead takes nothing and hands nothing out', async (context) => {
  const { leads, publish, broker, guarded } = await bench(context)
  await publish('1')
  leads.isSure = false
  const unavailable = { code: 'unavailable', retryable: true }
  await expect(guarded.pull(caller, { subscription })).rejects.toMatchObject(unavailable)
  await expect(guarded.publish(caller, { topic, events: [] })).rejects.toMatchObject(unavailable)
  expect((await broker.pull(caller, { subscription })).deliveries).toHaveLength(1)
})

test('a broker that stopped being sure while it was at work gives no answer', async (context) => {
  const { leads, publish, guarded } = await bench(context)
  const pulled = guarded.pull(caller, { subscription, waitMs: 10_000 })
  leads.isSure = false
  const [answer] = await Promise.allSettled([pulled, publish('1')])
  expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
})

test('a stream ends when its broker is not sure to lead any more, instead of handing something out', async (context) => {
  const { leads, publish, broker, guarded } = await bench(context)
  const handedOut: Delivery[] = []
  let close: (reason: Error) => void = () => undefined
  const closed = new Promise<Error>((resolve) => (close = resolve))
  const stream = await guarded.stream(caller, {
    subscription,
    holder: 'one',
    onDeliveries: (deliveries) => handedOut.push(...deliveries),
    onClosed: close,
  })
  stream.grant(10)
  leads.isSure = false
  await publish('1')
  expect(await closed).toMatchObject({ code: 'unavailable' })
  expect(handedOut).toEqual([])
  expect((await broker.stats(caller, subscription)).consumers).toBe(0)
})
