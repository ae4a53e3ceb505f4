import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { allowAll, createBroker, type Broker } from '../broker/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { TidingsError } from '../errors.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { broadcast, type Broadcast, type BroadcastOptions } from './broadcast.ts'

const caller = { namespace: 'default', principal: 'web' }
const topic = 'shop.flag'
let environment: SimulatedEnvironment
let broker: Broker
let running: Broadcast[]

beforeEach(async () => {
  environment = simulatedEnvironment()
  broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'entity', owner: 'shop' })
  running = []
})
afterEach(async () => {
  const stopped = Promise.all(running.map((each) => each.stop()))
  await environment.advance(12_000)
  await stopped
  await broker.stop()
})

async function publish(...keys: string[]): Promise<void> {
  const events = keys.map((key) => ({
    event: { id: environment.ids.next(), source: 'shop', type: `${topic}.updated`, key },
  }))
  await broker.publish(caller, { topic, events })
  await environment.advance(100)
}

async function start(instance: string, more: Partial<BroadcastOptions> = {}): Promise<string[]> {
  const seen: string[] = []
  const part = broadcast({
    ...{ broker, caller, name: 'web.flags', instance, topic, environment },
    ...more,
    onReset: async (newest) => {
      seen.push('reset')
      for await (const { event } of newest) seen.push(`listed ${event.key}`)
    },
    onEvent: async ({ event }) => void seen.push(`event ${event.key}`),
  })
  running.push(part)
  part.start()
  await environment.advance(100)
  return seen
}

describe('a broadcast', () => {
  it('gives each instance the newest of every key, then every event', async () => {
    await publish('a', 'b')
    const first = await start('i1')
    const second = await start('i2')
    await publish('a')
    const expected = ['reset', 'listed a', 'listed b', 'event a']
    expect([first, second]).toEqual([expected, expected])
    const names = (await broker.subscriptions(caller)).map(({ subscription }) => subscription)
    expect(names).toEqual(['web.flags.i1', 'web.flags.i2'])
  })

  it('lists more keys than a page holds', async () => {
    await publish(...Array.from({ length: 1_001 }, (_, index) => `k${index}`))
    expect(new Set(await start('i1')).size).toBe(1_002)
  })

  it('misses nothing that comes while an instance is listing', async () => {
    const seen: string[] = []
    const part = broadcast({
      ...{ broker, caller, name: 'web.flags', instance: 'i1', topic, environment },
      onReset: async (newest) => {
        for await (const { event } of newest) seen.push(`listed ${event.key}`)
        await broker.publish(caller, {
          topic,
          events: [{ event: { id: 'late', source: 'shop', type: `${topic}.updated`, key: 'late' } }],
        })
      },
      onEvent: async ({ event }) => void seen.push(`event ${event.key}`),
    })
    running.push(part)
    part.start()
    await environment.advance(1_000)
    expect(seen).toEqual(['event late'])
  })

  it('gives no event before the reset of its instance is done, however long that takes', async () => {
    const seen: string[] = []
    let loaded = (): void => undefined
    const part = broadcast({
      ...{ broker, caller, name: 'web.flags', instance: 'i1', topic, environment },
      onReset: async () => {
        await new Promise<void>((resolve) => (loaded = resolve))
        seen.push('loaded')
      },
      onEvent: async ({ event }) => void seen.push(`event ${event.key}`),
    })
    running.push(part)
    part.start()
    await environment.advance(100)
    await publish('a')
    await environment.advance(60_000)
    expect(seen).toEqual([])
    loaded()
    await environment.advance(100)
    expect(seen).toEqual(['loaded', 'event a'])
  })

  it('resets an instance whose subscription is gone, and never resumes it silently', async () => {
    const seen = await start('i1')
    await publish('a')
    await broker.removeSubscription(caller, 'web.flags.i1')
    await publish('b')
    await environment.advance(60_000)
    await publish('c')
    expect(seen).toEqual(['reset', 'event a', 'reset', 'listed a', 'listed b', 'event c'])
  })

  it('begins anew where an earlier life of the instance left its subscription behind', async () => {
    await broker.putSubscription(caller, { subscription: 'web.flags.i1', topic, from: 'beginning' })
    await publish('a', 'a')
    expect(await start('i1')).toEqual(['reset', 'listed a'])
  })

  it('holds nothing for an instance that crashed, and resets it when it comes back too late', async () => {
    const retention = { maxEvents: 1 }
    await broker.putTopic(caller, { topic, kind: 'entity', owner: 'shop', retention })
    // Out of reach for good, as for an instance that is gone without a good-bye.
    let away = false
    const reached = new Proxy(broker, {
      get(target, name) {
        const call = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>
        return async (...given: unknown[]) => {
          if (away) throw new TidingsError('unavailable', 'The line is broken.')
          const answer = await call.apply(target, given)
          if (name === 'stream') streams.push(answer as { abandon(): void })
          return answer
        }
      },
    })
    const streams: { abandon(): void }[] = []
    const seen = await start('i1', { broker: reached, expiresAfterMs: 3_600_000 })
    away = true
    for (const stream of streams) stream.abandon()
    await publish('a', 'a', 'b')
    await environment.advance(30 * 60_000)
    expect((await broker.topic(caller, topic)).held).toMatchObject({ subscription: 'web.flags.i1' })
    await environment.advance(35 * 60_000)
    expect((await broker.topic(caller, topic)).held).toBeUndefined()
    expect(await broker.subscriptions(caller)).toEqual([])
    expect(seen).toEqual(['reset'])
    const again = await start('i1')
    await publish('b')
    expect(again).toEqual(['reset', 'listed a', 'listed b', 'event b'])
  })

  it('leaves no subscription behind when its instance stops', async () => {
    await start('i1')
    const stopped = running[0]!.stop()
    await environment.advance(12_000)
    await stopped
    expect(await broker.subscriptions(caller)).toEqual([])
  })
})
