import { afterEach, beforeEach, expect, it } from 'vitest'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type Broker, type BrokerNotice } from './index.ts'

const caller = { namespace: 'default', principal: 'web' }
const topic = 'shop.order'
const subscription = 'web.flags'
const minuteMs = 60_000
const policy = { expiresAfterMs: 10 * minuteMs }

let environment: SimulatedEnvironment
let store: ReturnType<typeof memoryEngine>
let broker: Broker
let notices: BrokerNotice[]
let stoodStillMs: number

/** Another broker on the same store, which outlives it. */
async function start(): Promise<void> {
  const engine = { ...store, stop: () => Promise.resolve() }
  const report = (notice: BrokerNotice): void => void notices.push(notice)
  const { clock } = environment
  const late = { now: () => clock.now(), monotonic: () => clock.monotonic() + stoodStillMs }
  broker = createBroker({ engine, authorize: allowAll, environment: { ...environment, clock: late }, report })
  await broker.start()
}

beforeEach(async () => {
  environment = simulatedEnvironment()
  store = memoryEngine({ environment })
  notices = []
  stoodStillMs = 0
  await start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'end', policy })
})
afterEach(() => broker.stop())

const names = async () => (await broker.subscriptions(caller)).map((each) => each.subscription)

it('the time without a consumer adds up over restarts, and a broker that was down adds nothing', async () => {
  for (let life = 0; life < 3; life++) {
    await environment.advance(3 * minuteMs + 30_000)
    await broker.stop()
    await environment.advance(60 * minuteMs)
    await start()
  }
  expect(await names()).toEqual([subscription])
  await environment.advance(5 * minuteMs)
  expect(await names()).toEqual([])
  expect(notices).toMatchObject([{ details: { subscription, topic } }])
  expect(notices[0]!.message).toMatch(/^Subscription web\.flags was removed, because nobody has consumed it for \d+ s/)
})

it('a pull, a settled delivery and a stream begin it anew', async () => {
  const event = (id: string) => ({ event: { id, source: '/shop', type: 'order' } })
  await broker.publish(caller, { topic, events: [event('1')] })
  await environment.advance(9 * minuteMs)
  const { deliveries } = await broker.pull(caller, { subscription, leaseMs: 30 * minuteMs })
  await environment.advance(9 * minuteMs)
  const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
  await broker.settle(caller, { subscription, outcomes })
  await environment.advance(9 * minuteMs)
  const none = (): void => undefined
  const stream = await broker.stream(caller, { subscription, holder: 'h', onDeliveries: none, onClosed: none })
  await environment.advance(60 * minuteMs)
  await stream.close()
  await environment.advance(9 * minuteMs)
  expect(await names()).toEqual([subscription])
  await environment.advance(3 * minuteMs)
  expect(await names()).toEqual([])
})

it('another subscription of the name has its time before it', async () => {
  await environment.advance(9 * minuteMs)
  await broker.removeSubscription(caller, subscription)
  await broker.putSubscription(caller, { subscription, topic, from: 'end', policy })
  await environment.advance(5 * minuteMs)
  expect(await names()).toEqual([subscription])
})

it('a process that stood still for hours does not take that for an absence', async () => {
  await environment.advance(minuteMs)
  stoodStillMs = 5 * 60 * minuteMs
  await environment.advance(2 * minuteMs)
  expect(await names()).toEqual([subscription])
})
