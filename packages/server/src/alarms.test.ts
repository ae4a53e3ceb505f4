import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TidingsError } from 'tidings'
import { allowAll, createBroker, type Broker } from 'tidings/broker'
import type { EngineStats } from 'tidings/engine'
import { memoryEngine } from 'tidings/engines/memory'
import type { PushDescription } from 'tidings/protocol'
import { simulatedEnvironment } from 'tidings/testing'
import { Alarms } from './alarms.ts'
import { startServer } from './start.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'shop.order'
const subscription = 'mail.thanks'

let environment: ReturnType<typeof simulatedEnvironment>
let broker: Broker
let alarms: Alarms
let push: Partial<PushDescription> | undefined
let stats: EngineStats
let lines: string[]
let told: { change: string; alarm: string }[]
let webhookStatus: number

beforeEach(async () => {
  environment = simulatedEnvironment()
  const namespaces = ['default', 'blue']
  broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment, namespaces })
  await broker.start()
  push = undefined
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  stats = { bytes: 0, freeBytes: 1e12 }
  lines = []
  told = []
  webhookStatus = 200
  const note = (_: object, line: string): void => void lines.push(line.split(':')[0]!)
  alarms = new Alarms({
    broker,
    namespaces,
    engine: { stats: () => Promise.resolve(stats) },
    push: {
      describe: () =>
        push
          ? Promise.resolve(push as PushDescription)
          : Promise.reject(new TidingsError('push-unknown', 'There is none.')),
    },
    environment,
    log: { warn: note, info: note } as never,
    webhook: 'https://pager.example/hook',
    fetch: (_, init) => {
      if (webhookStatus === 200) told.push(JSON.parse(init?.body as string) as { change: string; alarm: string })
      return Promise.resolve(new Response(null, { status: webhookStatus }))
    },
  })
})
afterEach(() => broker.stop())

const publish = () =>
  broker.publish(caller, { topic, events: [{ event: { id: '1', source: 'shop', type: 'order', key: 'a' } }] })

async function settle(action: 'ack' | 'dead-letter', reason = 'no'): Promise<void> {
  const { deliveries } = await broker.pull(caller, { subscription })
  const outcomes = deliveries.map(({ lease }) => ({ lease, action, reason }))
  await broker.settle(caller, { subscription, outcomes })
}

const raised = () => alarms.list('default').map(({ alarm }) => alarm)
const notices = () => told.map(({ change, alarm }) => `${change} ${alarm}`)

describe('an alarm', () => {
  it('is raised once when the oldest event has waited too long, and cleared once when it is settled', async () => {
    await publish()
    await alarms.tick()
    expect(raised()).toEqual([])
    await environment.advance(301_000)
    const since = environment.clock.now()
    await alarms.tick()
    await environment.advance(60_000)
    await alarms.tick()
    expect(alarms.list('default')).toMatchObject([{ alarm: 'oldest-unacked', subscription, since }])
    await settle('ack')
    await alarms.tick()
    await alarms.tick()
    expect(raised()).toEqual([])
    expect(notices()).toEqual(['raised oldest-unacked', 'cleared oldest-unacked'])
    expect(lines).toEqual(['Alarm', 'No alarm any more'])
  })

  it('is raised while there are dead letters', async () => {
    await publish()
    await settle('dead-letter')
    await alarms.tick()
    expect(raised()).toEqual(['dead-letters'])
    await broker.redrive(caller, { subscription, positions: 'all' })
    await settle('ack')
    await alarms.tick()
    expect(raised()).toEqual([])
  })

  it('is raised of its own while there are events that consumers cannot read', async () => {
    await publish()
    await settle('dead-letter', 'unreadable: order has version 2 here')
    await alarms.tick()
    expect(raised()).toEqual(['dead-letters', 'unreadable'])
    await broker.redrive(caller, { subscription, positions: 'all' })
    await settle('ack')
    await alarms.tick()
    expect(raised()).toEqual([])
  })

  it('is raised while the disk is nearly full, and while the store takes nothing, in every namespace', async () => {
    stats = { bytes: 0, freeBytes: 1_000_000, refusing: 'There is no room.' }
    await alarms.tick()
    expect(raised()).toEqual(['store-refusing', 'disk-nearly-full'])
    expect(alarms.list('blue')).toHaveLength(2)
    stats = { bytes: 0, freeBytes: 1e12 }
    await alarms.tick()
    expect(raised()).toEqual([])
  })

  it('is raised while what consumers need is out of reach', async () => {
    const policy = { outage: { keys: 2 }, retry: { quickDelaysMs: [1] } }
    await broker.putSubscription(caller, { subscription, topic, from: 'beginning', policy })
    const events = ['a', 'b'].map((key) => ({ event: { id: key, source: 'shop', type: 'order', key } }))
    await broker.publish(caller, { topic, events })
    const take = async (outcome: { action: 'retry'; reason: string; outage: string } | { action: 'ack' }) => {
      const { deliveries } = await broker.pull(caller, { subscription, max: 10 })
      const outcomes = deliveries.map(({ lease }) => ({ lease, ...outcome }))
      await broker.settle(caller, { subscription, outcomes })
    }
    await take({ action: 'retry', reason: 'no', outage: 'ECONNREFUSED' })
    await alarms.tick()
    expect(alarms.list('default')).toMatchObject([{ alarm: 'outage', subscription }])
    await environment.advance(2_000)
    await take({ action: 'ack' })
    await alarms.tick()
    expect(notices()).toEqual(['raised outage', 'cleared outage'])
  })

  it('names the subscription that holds a topic, until it lets go', async () => {
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention: { maxAgeMs: 1_000 } })
    await publish()
    await environment.advance(121_000)
    await alarms.tick()
    expect(alarms.list('default')).toMatchObject([
      { alarm: 'topic-held', subscription, message: expect.stringContaining('--expires-after') },
    ])
    await settle('ack')
    await environment.advance(61_000)
    await alarms.tick()
    expect(notices()).toEqual(['raised topic-held', 'cleared topic-held'])
  })

  it('names the subscription that a topic has overtaken, and how much it lost', async () => {
    const retention = { maxAgeMs: 1_000, overtakes: true }
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention })
    await publish()
    await environment.advance(61_000)
    await alarms.tick()
    expect(alarms.list('default')).toMatchObject([
      { alarm: 'overtaken', subscription, message: expect.stringContaining('has lost 1 events') },
    ])
    await environment.advance(121_000)
    await alarms.tick()
    expect(notices()).toEqual(['raised overtaken', 'cleared overtaken'])
  })

  it('goes with its subscription', async () => {
    await publish()
    await settle('dead-letter')
    await alarms.tick()
    await broker.removeSubscription(caller, subscription)
    await alarms.tick()
    expect(notices()).toEqual(['raised dead-letters', 'cleared dead-letters'])
  })

  it('reaches a webhook that was away, later and in order', async () => {
    webhookStatus = 503
    await publish()
    await settle('dead-letter')
    await alarms.tick()
    stats = { bytes: 0, refusing: 'There is no room.' }
    await alarms.tick()
    expect(told).toEqual([])
    webhookStatus = 200
    await alarms.tick()
    expect(notices()).toEqual(['raised dead-letters', 'raised store-refusing'])
  })

  it('that could not be looked for stays as it is', async () => {
    await publish()
    await settle('dead-letter')
    await alarms.tick()
    await broker.stop()
    await alarms.tick()
    expect(raised()).toEqual(['dead-letters'])
  })

  it('of one namespace is nothing to another, whose well-being does not end it', async () => {
    await publish()
    await settle('dead-letter')
    await alarms.tick()
    await alarms.tick()
    expect([raised(), alarms.list('blue')]).toEqual([['dead-letters'], []])
    expect(notices()).toEqual(['raised dead-letters'])
  })

  it('is raised while a push is disabled, and says why', async () => {
    push = { subscription, url: 'https://partner.example/', state: 'disabled', reason: 'It answered 410 Gone.' }
    await alarms.tick()
    expect(alarms.list('default')).toMatchObject([
      { alarm: 'push-disabled', subscription, message: expect.stringMatching(/410 Gone/) },
    ])
    push = { ...push, state: 'active' }
    await alarms.tick()
    expect(raised()).toEqual([])
  })

  it('waits for a webhook among a thousand at most, of which the oldest give way', async () => {
    webhookStatus = 503
    for (let round = 0; round < 600; round++) {
      stats = { bytes: 0, refusing: 'There is no room.' }
      await alarms.tick()
      stats = { bytes: 0 }
      await alarms.tick()
    }
    await publish()
    await settle('dead-letter')
    webhookStatus = 200
    await alarms.tick()
    expect(told).toHaveLength(1_000)
    expect(notices().at(-1)).toBe('raised dead-letters')
  })

  it('is looked for every now and then, until it is stopped', async () => {
    alarms.start()
    stats = { bytes: 0, refusing: 'There is no room.' }
    await environment.advance(16_000)
    expect(raised()).toEqual(['store-refusing'])
    await alarms.stop()
    stats = { bytes: 0 }
    await environment.advance(120_000)
    expect(raised()).toEqual(['store-refusing'])
  })
})

describe('GET /alarms', () => {
  it('shows a service what is its own, an operator everything, and a stranger nothing', async () => {
    const clock = simulatedEnvironment()
    const tokens = ['operator', 'mail', 'shop'].map((principal) => ({
      principal,
      token: `token-of-the-principal-${principal}`,
    }))
    const server = await startServer({ engine: 'memory', port: 0, tokens, environment: clock })
    await server.broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
    await server.broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
    await server.broker.publish(caller, { topic, events: [{ event: { id: '1', source: 'shop', type: 'order' } }] })
    await clock.advance(400_000)
    const seen = async (principal: string): Promise<unknown> => {
      const headers = { authorization: `Bearer token-of-the-principal-${principal}` }
      const answer = await fetch(`${server.url}/v1/default/alarms`, { headers })
      return answer.ok ? ((await answer.json()) as { alarms: unknown[] }).alarms.length : answer.status
    }
    expect(await Promise.all(['operator', 'mail', 'shop', 'nobody'].map(seen))).toEqual([1, 1, 0, 401])
    const stopped = server.stop()
    await clock.advance(20_000)
    await stopped
  })
})
