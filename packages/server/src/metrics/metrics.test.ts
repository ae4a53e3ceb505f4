import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery } from 'tidings/broker'
import type { Event } from 'tidings/event'
import { afterEach, describe, expect, it } from 'vitest'
import { startServer, type RunningServer, type StartOptions } from '../start.ts'
import { Counter, expose, Histogram } from './exposition.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'shop.order'
const subscription = 'mail.thanks'
let server: RunningServer | undefined
afterEach(() => server?.stop())

async function start(options: StartOptions = {}): Promise<RunningServer> {
  server = await startServer({ engine: 'memory', port: 0, ...options })
  await server.broker.putTopic(caller, {
    topic,
    kind: 'event',
    owner: 'shop',
    schemas: { order: { type: 'object', required: ['total'] } },
  })
  await server.broker.putSubscription(caller, {
    subscription,
    topic,
    from: 'beginning',
    policy: { retry: { quickDelaysMs: [0] } },
  })
  return server
}

function publish(id: string, payload = '{"total":1}', more: Partial<Event> = {}): Promise<unknown> {
  const data = new TextEncoder().encode(payload)
  const event = { id, source: 'shop', type: 'order', key: id, data, ...more }
  return server!.broker.publish(caller, { topic, events: [{ event }] })
}

const nothing = (): void => undefined

async function take(): Promise<Delivery> {
  const { deliveries } = await server!.broker.pull(caller, { subscription, max: 1, waitMs: 5_000 })
  return deliveries[0]!
}

/** The figures by their names with labels; what is no figure or comment of the format fails. */
async function figures(headers: Record<string, string> = {}): Promise<Record<string, number>> {
  const answer = await fetch(`${server!.url}/metrics`, { headers })
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const lines = (await answer.text()).split('\n')
  expect(lines.at(-1)).toBe('')
  const entries = lines.slice(0, -1).flatMap((line): [string, number][] => {
    if (/^# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram))$/.test(line)) return []
    const match = /^([a-z_]+(?:\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})?) (\S+)$/.exec(line)
    expect(match, line).not.toBeNull()
    return [[match![1]!, Number(match![2])]]
  })
  expect(new Set(entries.map(([name]) => name)).size).toBe(entries.length)
  return Object.fromEntries(entries)
}

const of = (name: string, labels: string): string => `${name}{namespace="default",${labels}}`

describe('/metrics', () => {
  it('counts what is published, delivered, repeated, given up and refused', async () => {
    const { broker } = await start()
    await publish('1', '{"total":1}')
    await publish('1', '{"total":1}')
    await publish('2', '{"total":2}')
    await publish('3', '{}')
    const one = await take()
    const two = await take()
    await broker.settle(caller, {
      subscription,
      outcomes: [
        { lease: one.lease, action: 'ack' },
        { lease: two.lease, action: 'retry', reason: 'busy', afterMs: 0 },
      ],
    })
    await broker.settle(caller, { subscription, outcomes: [{ lease: one.lease, action: 'ack' }] })
    await broker.settle(caller, {
      subscription,
      outcomes: [{ lease: (await take()).lease, action: 'dead-letter', reason: 'no' }],
    })
    const found = await figures()
    expect(found).toMatchObject({
      [of('tidings_messages_published_total', `topic="${topic}",result="stored"`)]: 2,
      [of('tidings_messages_published_total', `topic="${topic}",result="duplicate"`)]: 1,
      [of('tidings_messages_published_total', `topic="${topic}",result="refused"`)]: 1,
      [of('tidings_schema_rejections_total', `topic="${topic}"`)]: 1,
      [of('tidings_deliveries_total', `subscription="${subscription}",result="ack"`)]: 1,
      [of('tidings_deliveries_total', `subscription="${subscription}",result="retry"`)]: 1,
      [of('tidings_deliveries_total', `subscription="${subscription}",result="dead-letter"`)]: 1,
      [of('tidings_deliveries_total', `subscription="${subscription}",result="lost"`)]: 1,
      [of('tidings_redeliveries_total', `subscription="${subscription}"`)]: 1,
      [of('tidings_delivery_latency_seconds_count', `subscription="${subscription}"`)]: 1,
      [of('tidings_dead_letters_messages', `subscription="${subscription}",topic="${topic}"`)]: 1,
    })
    expect(found['tidings_commit_duration_seconds_count{of="append"}']).toBeGreaterThan(0)
    expect(found['tidings_commit_duration_seconds_count{of="settle"}']).toBeGreaterThan(0)
  })

  it('says how subscriptions and the store stand at the moment', async () => {
    const { broker } = await start()
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    await publish('1')
    for (const id of ['2', '3', '4', '5', '6']) await publish(id, undefined, { key: 'k' })
    for (const id of ['7', '8', '9']) await publish(id, undefined, { extensions: { deliverat: tomorrow } })
    await take()
    const { lease } = await take()
    const reason = 'unreadable: too new'
    await broker.settle(caller, { subscription, outcomes: [{ lease, action: 'dead-letter', reason }] })
    for (const holder of ['one', 'two'])
      await broker.stream(caller, { subscription, holder, onDeliveries: nothing, onClosed: nothing })
    const standing = async (name: string): Promise<number | undefined> =>
      (await figures())[of(`tidings_${name}`, `subscription="${subscription}",topic="${topic}"`)]
    const stats = () => broker.stats(caller, subscription)
    for (let now = await stats(); now.scheduled < 3 || now.oldestPendingMs === 0; now = await stats()) await sleep(1)
    expect(await standing('oldest_unacked_age_seconds')).toBeGreaterThan(0)
    expect(await standing('backlog_messages')).toBe(8)
    expect(await standing('inflight_messages')).toBe(1)
    expect(await standing('dead_letters_messages')).toBe(1)
    expect(await standing('unreadable_messages')).toBe(1)
    expect(await standing('parked_messages')).toBe(4)
    expect(await standing('scheduled_messages')).toBe(3)
    expect(await standing('consumers')).toBe(2)
    const found = await figures()
    expect(found['tidings_store_refusing']).toBe(0)
    expect(Object.keys(found).filter((name) => name.startsWith('tidings_build_info'))).toHaveLength(1)
  })

  it('shows everything to who monitors, what is its own to a service, and nothing to nobody', async () => {
    const tokens = ['operator', 'monitor', 'mail', 'shop'].map((principal) => ({
      principal,
      token: `token-of-the-principal-${principal}`,
    }))
    await start({ tokens })
    const seen = async (principal: string): Promise<boolean> => {
      const found = await figures({ authorization: `Bearer token-of-the-principal-${principal}` })
      return of('tidings_backlog_messages', `subscription="${subscription}",topic="${topic}"`) in found
    }
    expect(await Promise.all(['operator', 'monitor', 'mail', 'shop'].map(seen))).toEqual([true, true, true, false])
    expect((await fetch(`${server!.url}/metrics`)).status).toBe(401)
    const backup = await fetch(`${server!.url}/backup`, { headers: { authorization: `Bearer ${tokens[1]!.token}` } })
    expect(backup.status).toBe(403)
  })
})

describe('a figure', () => {
  it('has a thousand sets of labels at most, and counts the rest together', () => {
    const counter = new Counter('a_total', 'A.')
    for (let topic = 0; topic < 1_500; topic++) counter.add({ topic: String(topic) })
    counter.add({ topic: '3' })
    const { series } = counter.figure()
    expect(series).toHaveLength(1_001)
    expect(series[3]).toEqual({ labels: { topic: '3' }, value: 2 })
    expect(series.at(-1)).toEqual({ labels: { topic: 'other' }, value: 500 })
  })

  it('of durations counts each bucket with all that are shorter', () => {
    const histogram = new Histogram('a_seconds', 'A.', [0.1, 1])
    histogram.observe({ of: 'x' }, [0.05, 0.1, 0.5, 7])
    expect(expose([histogram.figure()])).toBe(
      [
        '# HELP a_seconds A.',
        '# TYPE a_seconds histogram',
        'a_seconds_bucket{of="x",le="0.1"} 2',
        'a_seconds_bucket{of="x",le="1"} 3',
        'a_seconds_bucket{of="x",le="+Inf"} 4',
        'a_seconds_sum{of="x"} 7.65',
        'a_seconds_count{of="x"} 4',
        '',
      ].join('\n'),
    )
  })

  it('carries labels with quotes, backslashes and line ends', () => {
    const counter = new Counter('a_total', 'A.')
    counter.add({ topic: 'a"b\\c\nd' })
    expect(expose([counter.figure()])).toContain('a_total{topic="a\\"b\\\\c\\nd"} 1\n')
  })
})
