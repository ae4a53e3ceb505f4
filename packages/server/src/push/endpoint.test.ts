import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { caller, EndpointBench, hour, minute, second, subscription } from './endpoint.fixture.ts'

let bench: EndpointBench

beforeEach(async () => {
  bench = await EndpointBench.open()
})
afterEach(() => bench.close())

const failing = { status: 503 }

describe('retries', () => {
  it('come at the times of Standard Webhooks, over 75 hours, 35 minutes and 5 seconds', async () => {
    await bench.publish('a/1')
    // Others are taken, so that the endpoint is well.
    await bench.begin((id) => (id === '1' ? failing : {}))
    for (let hours = 0; hours < 80; hours++) {
      await bench.environment.advance(hour)
      await bench.publish(`b/other${hours}`)
    }
    const expected = [0, 5 * second]
    for (const delay of [5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]) {
      expected.push(expected.at(-1)! + delay)
    }
    const seen = bench.times('1')
    expect(expected.at(-1)).toBe(75 * hour + 35 * minute + 5 * second)
    expect(seen).toHaveLength(10)
    for (const [index, at] of seen.entries()) expect(at - expected[index]!).toBeLessThan(second)
    expect(seen.at(-1)! - seen[0]!).toBeGreaterThanOrEqual(expected.at(-1)!)
    const { deadLetters } = await bench.broker.deadLetters(caller, { subscription })
    expect(deadLetters).toMatchObject([{ reason: 'The endpoint answered 503.', attempts: 10, event: { id: '1' } }])
    expect(bench.alarms).toEqual([])
  })

  it.each([
    ['seconds', () => '120'],
    ['a date', () => new Date(bench.environment.clock.now() + 120 * second).toUTCString()],
  ])('come not before the %s of a Retry-After, for every event of the endpoint', async (_, header) => {
    await bench.begin((id, attempt) =>
      id === '1' && attempt === 1 ? { status: 429, headers: { 'retry-after': header() } } : {},
    )
    await bench.publish('a/1')
    await bench.environment.advance(10 * second)
    await bench.publish('b/2')
    await bench.environment.advance(109 * second)
    expect(bench.sent.map(({ id }) => id)).toEqual(['1'])
    await bench.environment.advance(2 * second)
    expect(bench.times('1')[1]).toBeGreaterThanOrEqual(119 * second)
    expect(bench.times('2')).toHaveLength(1)
    expect(await bench.stats()).toMatchObject({ acknowledged: 2 })
  })

  it('come not before a Retry-After over a restart either', async () => {
    await bench.publish('a/1')
    await bench.begin(() => ({ status: 429, headers: { 'retry-after': '120' } }))
    await bench.environment.advance(second)
    await bench.stop()
    const asked = bench.begunAt + 120 * second
    await bench.begin(() => ({}))
    await bench.environment.advance(asked - bench.environment.clock.now() - second)
    expect(bench.times('1')).toHaveLength(1)
    await bench.environment.advance(2 * second)
    expect(bench.times('1')).toHaveLength(2)
  })

  it.each(['soon', '-5', '1e9', ''])('do not mind a Retry-After of %j', async (header) => {
    await bench.publish('a/1')
    await bench.begin((_, attempt) => (attempt === 1 ? { status: 503, headers: { 'retry-after': header } } : {}))
    await bench.environment.advance(6 * second)
    expect(bench.times('1')).toHaveLength(2)
  })
})

describe('an endpoint that takes nothing', () => {
  it('is disabled with an alarm when the schedule is over, and has lost nothing when it goes on', async () => {
    await bench.publish('a/1', 'a/2', 'b/3')
    await bench.begin(() => new Error('connect ECONNREFUSED'))
    await bench.environment.advance(75 * hour)
    expect(bench.endpoint.push).toMatchObject({ state: 'active', failingSince: bench.begunAt })
    await bench.environment.advance(hour)
    expect(bench.endpoint.push).toMatchObject({
      state: 'disabled',
      reason: expect.stringContaining('took nothing since'),
    })
    expect(bench.changes.at(-1)).toEqual(bench.endpoint.push)
    expect(bench.alarms).toEqual([expect.stringContaining('tidings subscriptions push resume partner.orders')])
    expect(await bench.stats()).toMatchObject({ pending: 3, dead: 0, leased: 0, acknowledged: 0 })
    const before = bench.sent.length
    await bench.environment.advance(2 * hour)
    expect(bench.sent).toHaveLength(before)
    // Resumed too early: the attempts at these events are used up, and still none of them is at fault.
    await bench.begin(() => failing)
    await bench.environment.advance(hour)
    expect(await bench.stats()).toMatchObject({ pending: 3, dead: 0 })
    await bench.stop()
    const again = bench.sent.length
    await bench.begin(() => ({}))
    await bench.environment.advance(25 * hour)
    const resent = bench.sent.slice(again).map(({ id }) => id)
    expect(resent.sort()).toEqual(['1', '2', '3'])
    expect(await bench.stats()).toMatchObject({ acknowledged: 3, pending: 0 })
  })

  it('is disabled at once by 410, and what it did not take comes first when it goes on', async () => {
    await bench.publish('a/1', 'a/2')
    await bench.begin((id) => (id === '1' ? { status: 410 } : {}))
    await bench.environment.advance(11 * second)
    expect(bench.endpoint.push).toMatchObject({ state: 'disabled', reason: 'The endpoint answered 410 Gone.' })
    expect(bench.alarms).toHaveLength(1)
    expect(await bench.stats()).toMatchObject({ pending: 2, leased: 0 })
    await bench.environment.advance(hour)
    expect(bench.times('1')).toHaveLength(1)
    await bench.begin(() => ({}))
    await bench.environment.advance(second)
    expect(bench.sent.map(({ id }) => id)).toEqual(['1', '1', '2'])
  })

  it('is well again after one success: only a failure without a break counts', async () => {
    await bench.begin((_, attempt) => (attempt === 1 ? failing : {}))
    for (let day = 0; day < 4; day++) {
      await bench.publish(`k${day}/${day}`)
      await bench.environment.advance(24 * hour)
      expect(bench.endpoint.push.failingSince).toBeUndefined()
    }
    expect(bench.endpoint.push.state).toBe('active')
    expect(await bench.stats()).toMatchObject({ acknowledged: 4 })
  })
})

describe('what an operator went back over', () => {
  it.each([
    ['skip', 1],
    ['run', 2],
    ['missing', 2],
  ] as const)('is sent %s: %i times in all', async (effects, total) => {
    await bench.publish('a/1')
    await bench.begin(() => ({}))
    await bench.environment.advance(second)
    await bench.broker.seek(caller, { subscription, to: 'beginning', effects })
    await bench.environment.advance(second)
    expect(bench.sent).toHaveLength(total)
    // The receiver knows by its id whether it has seen a message: one that is to have its effects again is another one.
    expect(new Set(bench.sent.map(({ message }) => message)).size).toBe(effects === 'run' ? 2 : 1)
    expect(await bench.stats()).toMatchObject({ acknowledged: 1, pending: 0 })
  })
})

it('ends in good order while it waits for its time, and gives back what it holds unattempted', async () => {
  await bench.publish('a/1', 'b/2')
  await bench.begin((id) => (id === '1' ? { status: 429, headers: { 'retry-after': '3600' } } : {}))
  await bench.publish('c/3')
  await bench.environment.advance(second)
  await bench.stop()
  expect(await bench.stats()).toMatchObject({ leased: 0, consumers: 0 })
  const held = await bench.broker.explain(caller, { subscription, event: { source: '/shop', id: '3' } })
  expect(held).toMatchObject({ state: 'ready' })
})
