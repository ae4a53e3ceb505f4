import { beforeEach, describe, expect, it } from 'vitest'
import type { Engine } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type Broker } from './index.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'shop.order'
const subscription = 'mail.thanks'
const second = 1_000

let environment: SimulatedEnvironment
let engine: Engine

beforeEach(() => {
  environment = simulatedEnvironment()
  engine = memoryEngine({ environment })
})

async function open(): Promise<Broker> {
  const broker = createBroker({ engine, authorize: allowAll, environment })
  await broker.start()
  return broker
}

async function openWith(extensions: Record<string, string> = {}, delayMs = 0): Promise<Broker> {
  const broker = await open()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning', policy: { delayMs } })
  await broker.publish(caller, {
    topic,
    events: [{ event: { id: '1', source: 's', type: topic, key: 'a', extensions } }],
  })
  return broker
}

/** How long it takes until somebody who waits gets a delivery, in milliseconds. */
async function waited(broker: Broker): Promise<number> {
  const from = environment.clock.now()
  let at: number | undefined
  void broker.pull(caller, { subscription, waitMs: 30 * second }).then(({ deliveries }) => {
    if (deliveries.length > 0) at = environment.clock.now()
  })
  for (let step = 0; at === undefined && step < 300; step++) await environment.advance(100)
  return (at ?? Infinity) - from
}

// A shard looks around every five seconds by itself, so none of the times below is a multiple of that.
describe('the time of a broker', () => {
  it.each(['goes on', 'is started again'])(
    'brings an event years ahead within a second, and not early: it %s',
    async (how) => {
      const years = 10 * 365 * 86_400 * second
      const due = environment.clock.now() + years
      let broker = await openWith({ deliverat: new Date(due).toISOString() })
      expect((await broker.scheduled(caller, { subscription })).scheduled).toMatchObject([{ at: due }])
      if (how === 'is started again') await broker.stop()
      environment.jump(years - 7 * second)
      if (how === 'is started again') broker = await open()
      const ms = await waited(broker)
      expect(ms).toBeGreaterThanOrEqual(7 * second)
      expect(ms).toBeLessThan(8 * second)
      await broker.stop()
    },
  )

  it('brings each event of a subscription with a delay within a second after it', async () => {
    const broker = await openWith({}, 7 * second)
    const ms = await waited(broker)
    expect(ms).toBeGreaterThanOrEqual(7 * second)
    expect(ms).toBeLessThan(8 * second)
    await broker.stop()
  })

  it('gives what a consumer that crashed had to the next one within its lease and a second', async () => {
    const broker = await openWith()
    const { deliveries } = await broker.pull(caller, { subscription, leaseMs: 12 * second })
    expect(deliveries).toHaveLength(1)
    const ms = await waited(broker)
    expect(ms).toBeGreaterThanOrEqual(12 * second)
    expect(ms).toBeLessThanOrEqual(13 * second)
    await broker.stop()
  })

  it('gives what a stream that broke had to the next one after a grace of two seconds', async () => {
    const broker = await openWith()
    const stream = await broker.stream(caller, {
      subscription,
      holder: 'worker-1',
      onDeliveries: () => undefined,
      onProgress: () => undefined,
      onClosed: () => undefined,
    })
    stream.grant(1)
    await environment.advance(1)
    stream.abandon()
    const ms = await waited(broker)
    expect(ms).toBeGreaterThanOrEqual(2 * second)
    expect(ms).toBeLessThanOrEqual(3 * second)
    await broker.stop()
  })
})
