import { allowAll, createBroker, type Broker, type Caller } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { simulatedEnvironment, type SimulatedEnvironment } from 'tidings/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Endpoint } from './endpoint.ts'
import type { Outgoing, Reply } from './exchange.ts'
import { standardDelaysMs } from './schedule.ts'
import type { StoredPush } from './store.ts'

const caller: Caller = { namespace: 'default', principal: 'operator' }
const subscription = 'partner.orders'
const [second, minute, hour] = [1_000, 60_000, 3_600_000] as const
const stored: StoredPush = {
  subscription,
  principal: 'operator',
  url: 'https://hooks.example.com/in',
  format: 'structured',
  timeoutMs: 15_000,
  secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  state: 'active',
  since: 0,
}

interface Sending {
  /** Milliseconds since the endpoint began. */
  readonly at: number
  readonly method: string
  readonly id: string
  readonly message: string | undefined
}

let environment: SimulatedEnvironment
let broker: Broker
let begunAt = 0
let sent: Sending[] = []
let alarms: string[] = []
let changes: StoredPush[] = []
let endpoint: Endpoint

beforeEach(async () => {
  environment = simulatedEnvironment()
  broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic: 'shop.order', from: 'beginning' })
  ;[sent, alarms, changes] = [[], [], []]
})
afterEach(async () => {
  await stop()
  await broker.stop()
})

async function stop(): Promise<void> {
  const stopped = endpoint.stop()
  await environment.advance(11 * second)
  await stopped
}

async function publish(...keysAndIds: readonly string[]): Promise<void> {
  const events = keysAndIds.map((text) => {
    const [key = '', id = text] = text.split('/')
    return { event: { id, source: '/shop', type: 'shop.order', key } }
  })
  await broker.publish(caller, { topic: 'shop.order', events })
}

type Answer = Partial<Reply> | Error

/** Begins to push; `answer` is asked with the event's id, the attempt at it from 1, and the time since the beginning. */
async function begin(
  answer: (id: string, attempt: number, at: number) => Answer,
  { push = {}, ...options }: { push?: Partial<StoredPush>; trusted?: boolean; delaysMs?: readonly number[] } = {},
): Promise<void> {
  begunAt = environment.clock.now()
  endpoint = new Endpoint({
    broker,
    environment,
    namespace: 'default',
    push: { ...stored, ...push },
    delaysMs: standardDelaysMs,
    origin: 'tidings.test',
    trusted: false,
    onChange: (changed) => changes.push(changed),
    onAlarm: (message) => alarms.push(message),
    onGone: () => undefined,
    async exchange({ method, headers, body }: Outgoing) {
      const at = environment.clock.now() - begunAt
      const id = method === 'POST' ? (JSON.parse(new TextDecoder().decode(body)) as { id: string }).id : method
      sent.push({ at, method, id, message: headers['webhook-id'] })
      const given = answer(id, sent.filter((each) => each.id === id).length, at)
      if (given instanceof Error) throw given
      return { status: 200, headers: {}, ...given }
    },
    ...options,
  })
  endpoint.start()
  await environment.advance(1)
}

const stats = (): Promise<unknown> => broker.stats(caller, subscription)
const times = (id: string): number[] => sent.filter((each) => each.id === id).map(({ at }) => at)
const failing = { status: 503 }

describe('retries', () => {
  it('come at the times of Standard Webhooks, over 75 hours, 35 minutes and 5 seconds', async () => {
    await publish('a/1')
    // Others are taken, so that the endpoint is well.
    await begin((id) => (id === '1' ? failing : {}))
    for (let hours = 0; hours < 80; hours++) {
      await environment.advance(hour)
      await publish(`b/other${hours}`)
    }
    const expected = [0, 5 * second]
    for (const delay of [5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]) {
      expected.push(expected.at(-1)! + delay)
    }
    const seen = times('1')
    expect(expected.at(-1)).toBe(75 * hour + 35 * minute + 5 * second)
    expect(seen).toHaveLength(10)
    for (const [index, at] of seen.entries()) expect(at - expected[index]!).toBeLessThan(second)
    expect(seen.at(-1)! - seen[0]!).toBeGreaterThanOrEqual(expected.at(-1)!)
    const { deadLetters } = await broker.deadLetters(caller, { subscription })
    expect(deadLetters).toMatchObject([{ reason: 'The endpoint answered 503.', attempts: 10, event: { id: '1' } }])
    expect(alarms).toEqual([])
  })

  it.each([
    ['seconds', () => '120'],
    ['a date', () => new Date(environment.clock.now() + 120 * second).toUTCString()],
  ])('come not before the %s of a Retry-After, for every event of the endpoint', async (_, header) => {
    await begin((id, attempt) =>
      id === '1' && attempt === 1 ? { status: 429, headers: { 'retry-after': header() } } : {},
    )
    await publish('a/1')
    await environment.advance(10 * second)
    await publish('b/2')
    await environment.advance(109 * second)
    expect(sent.map(({ id }) => id)).toEqual(['1'])
    await environment.advance(2 * second)
    expect(times('1')[1]).toBeGreaterThanOrEqual(119 * second)
    expect(times('2')).toHaveLength(1)
    expect(await stats()).toMatchObject({ acknowledged: 2 })
  })

  it('come not before a Retry-After over a restart either', async () => {
    await publish('a/1')
    await begin(() => ({ status: 429, headers: { 'retry-after': '120' } }))
    await environment.advance(second)
    await stop()
    const asked = begunAt + 120 * second
    await begin(() => ({}))
    await environment.advance(asked - environment.clock.now() - second)
    expect(times('1')).toHaveLength(1)
    await environment.advance(2 * second)
    expect(times('1')).toHaveLength(2)
  })

  it.each(['soon', '-5', '1e9', ''])('do not mind a Retry-After of %j', async (header) => {
    await publish('a/1')
    await begin((_, attempt) => (attempt === 1 ? { status: 503, headers: { 'retry-after': header } } : {}))
    await environment.advance(6 * second)
    expect(times('1')).toHaveLength(2)
  })
})

describe('an endpoint that takes nothing', () => {
  it('is disabled with an alarm when the schedule is over, and has lost nothing when it goes on', async () => {
    await publish('a/1', 'a/2', 'b/3')
    await begin(() => new Error('connect ECONNREFUSED'))
    await environment.advance(75 * hour)
    expect(endpoint.push).toMatchObject({ state: 'active', failingSince: begunAt })
    await environment.advance(hour)
    expect(endpoint.push).toMatchObject({ state: 'disabled', reason: expect.stringContaining('took nothing since') })
    expect(changes.at(-1)).toEqual(endpoint.push)
    expect(alarms).toEqual([expect.stringContaining('tidings subscriptions push resume partner.orders')])
    expect(await stats()).toMatchObject({ pending: 3, dead: 0, leased: 0, acknowledged: 0 })
    const before = sent.length
    await environment.advance(2 * hour)
    expect(sent).toHaveLength(before)
    // Resumed too early: the attempts at these events are used up, and still none of them is at fault.
    await begin(() => failing)
    await environment.advance(hour)
    expect(await stats()).toMatchObject({ pending: 3, dead: 0 })
    await stop()
    const again = sent.length
    await begin(() => ({}))
    await environment.advance(25 * hour)
    const resent = sent.slice(again).map(({ id }) => id)
    expect(resent.sort()).toEqual(['1', '2', '3'])
    expect(await stats()).toMatchObject({ acknowledged: 3, pending: 0 })
  })

  it('is disabled at once by 410, and what it did not take comes first when it goes on', async () => {
    await publish('a/1', 'a/2')
    await begin((id) => (id === '1' ? { status: 410 } : {}))
    await environment.advance(11 * second)
    expect(endpoint.push).toMatchObject({ state: 'disabled', reason: 'The endpoint answered 410 Gone.' })
    expect(alarms).toHaveLength(1)
    expect(await stats()).toMatchObject({ pending: 2, leased: 0 })
    await environment.advance(hour)
    expect(times('1')).toHaveLength(1)
    await begin(() => ({}))
    await environment.advance(second)
    expect(sent.map(({ id }) => id)).toEqual(['1', '1', '2'])
  })

  it('is well again after one success: only a failure without a break counts', async () => {
    await begin((_, attempt) => (attempt === 1 ? failing : {}))
    for (let day = 0; day < 4; day++) {
      await publish(`k${day}/${day}`)
      await environment.advance(24 * hour)
      expect(endpoint.push.failingSince).toBeUndefined()
    }
    expect(endpoint.push.state).toBe('active')
    expect(await stats()).toMatchObject({ acknowledged: 4 })
  })
})

describe('the handshake', () => {
  const unconfirmed = { push: { state: 'unconfirmed' } } as const
  const yes = { headers: { 'webhook-allowed-origin': 'tidings.test', 'webhook-allowed-rate': '*' } }

  it('comes before the first delivery, and nothing is sent without consent', async () => {
    await publish('a/1')
    await begin((id, attempt) => (id !== 'OPTIONS' ? {} : attempt < 3 ? {} : yes), unconfirmed)
    await environment.advance(4 * second)
    expect(endpoint.push).toMatchObject({ state: 'unconfirmed', reason: expect.stringContaining('did not agree') })
    await environment.advance(5 * minute + 2 * second)
    expect(sent.map(({ id }) => id)).toEqual(['OPTIONS', 'OPTIONS', 'OPTIONS', '1'])
    expect(changes.at(-1)).toMatchObject({ state: 'active' })
    expect(changes.at(-1)).not.toHaveProperty('reason')
  })

  it.each<[string, Answer]>([
    ['a status without headers', { status: 200 }],
    ['consent to somebody else', { headers: { 'webhook-allowed-origin': 'other.test', 'webhook-allowed-rate': '*' } }],
    ['several origins', { headers: { 'webhook-allowed-origin': 'tidings.test, other.test' } }],
    ['a rate of nothing', { headers: { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '0' } }],
    ['no connection', new Error('connect ECONNREFUSED')],
  ])('takes %s for no consent, and disables the push in the end', async (_, answer) => {
    await publish('a/1')
    await begin((id) => (id === 'OPTIONS' ? answer : {}), { ...unconfirmed, delaysMs: [second, minute] })
    await environment.advance(hour)
    expect(endpoint.push.state).toBe('disabled')
    expect(alarms).toHaveLength(1)
    expect(times('OPTIONS')).toHaveLength(3)
    expect(times('1')).toEqual([])
    expect(await stats()).toMatchObject({ pending: 1 })
  })

  it('takes consent to everybody, and need not be asked of those whom the operator trusts', async () => {
    await publish('a/1')
    await begin((id) => (id === 'OPTIONS' ? { headers: { 'webhook-allowed-origin': '*' } } : {}), unconfirmed)
    expect(sent.map(({ id }) => id)).toEqual(['OPTIONS', '1'])
    await stop()
    await publish('a/2')
    await begin(() => ({}), { ...unconfirmed, trusted: true })
    expect(sent.map(({ id }) => id)).toEqual(['OPTIONS', '1', '2'])
  })

  it('sends no faster than the endpoint agreed to', async () => {
    await publish(...Array.from({ length: 10 }, (_, index) => `k${index}/${index}`))
    const slow = { headers: { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '6' } }
    await begin((id) => (id === 'OPTIONS' ? slow : {}), unconfirmed)
    await environment.advance(2 * minute)
    const posts = sent.filter(({ method }) => method === 'POST').map(({ at }) => at)
    expect(posts).toHaveLength(10)
    for (const [index, at] of posts.entries()) expect(at - (posts[0]! + index * 10 * second)).toBeGreaterThanOrEqual(0)
    expect(changes.at(-1)).toMatchObject({ state: 'active', requestsPerMinute: 6 })
  })

  it('is tried again not before the time of a Retry-After', async () => {
    const later = { status: 429, headers: { 'retry-after': '120' } }
    await begin((_, attempt) => (attempt === 1 ? later : yes), unconfirmed)
    await environment.advance(121 * second)
    expect(endpoint.push.state).toBe('active')
    expect(times('OPTIONS')[1]).toBeGreaterThanOrEqual(120 * second)
  })

  it('is over when the endpoint answers 410', async () => {
    await begin(() => ({ status: 410 }), unconfirmed)
    expect(endpoint.push.state).toBe('disabled')
  })
})

describe('what an operator went back over', () => {
  it.each([
    ['skip', 1],
    ['run', 2],
    ['missing', 2],
  ] as const)('is sent %s: %i times in all', async (effects, total) => {
    await publish('a/1')
    await begin(() => ({}))
    await environment.advance(second)
    await broker.seek(caller, { subscription, to: 'beginning', effects })
    await environment.advance(second)
    expect(sent).toHaveLength(total)
    // The receiver knows by its id whether it has seen a message: one that is to have its effects again is another one.
    expect(new Set(sent.map(({ message }) => message)).size).toBe(effects === 'run' ? 2 : 1)
    expect(await stats()).toMatchObject({ acknowledged: 1, pending: 0 })
  })
})

it('ends in good order while it waits for its time, and gives back what it holds unattempted', async () => {
  await publish('a/1', 'b/2')
  await begin((id) => (id === '1' ? { status: 429, headers: { 'retry-after': '3600' } } : {}))
  await publish('c/3')
  await environment.advance(second)
  await stop()
  expect(await stats()).toMatchObject({ leased: 0, consumers: 0 })
  const held = await broker.explain(caller, { subscription, event: { source: '/shop', id: '3' } })
  expect(held).toMatchObject({ state: 'ready' })
})
