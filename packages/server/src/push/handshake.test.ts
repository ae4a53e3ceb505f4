import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EndpointBench, hour, minute, second, type Answer } from './endpoint.fixture.ts'

let bench: EndpointBench

beforeEach(async () => {
  bench = await EndpointBench.open()
})
afterEach(() => bench.close())

describe('the handshake', () => {
  const unconfirmed = { push: { state: 'unconfirmed' } } as const
  const yes = { headers: { 'webhook-allowed-origin': 'tidings.test', 'webhook-allowed-rate': '*' } }

  it('comes before the first delivery, and nothing is sent without consent', async () => {
    await bench.publish('a/1')
    await bench.begin((id, attempt) => (id !== 'OPTIONS' ? {} : attempt < 3 ? {} : yes), unconfirmed)
    await bench.environment.advance(4 * second)
    expect(bench.endpoint.push).toMatchObject({
      state: 'unconfirmed',
      reason: expect.stringContaining('did not agree'),
    })
    await bench.environment.advance(5 * minute + 2 * second)
    expect(bench.sent.map(({ id }) => id)).toEqual(['OPTIONS', 'OPTIONS', 'OPTIONS', '1'])
    expect(bench.changes.at(-1)).toMatchObject({ state: 'active' })
    expect(bench.changes.at(-1)).not.toHaveProperty('reason')
  })

  it.each<[string, Answer]>([
    ['a status without headers', { status: 200 }],
    ['consent to somebody else', { headers: { 'webhook-allowed-origin': 'other.test', 'webhook-allowed-rate': '*' } }],
    ['several origins', { headers: { 'webhook-allowed-origin': 'tidings.test, other.test' } }],
    ['a rate of nothing', { headers: { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '0' } }],
    ['no connection', new Error('connect ECONNREFUSED')],
  ])('takes %s for no consent, and disables the push in the end', async (_, answer) => {
    await bench.publish('a/1')
    await bench.begin((id) => (id === 'OPTIONS' ? answer : {}), { ...unconfirmed, delaysMs: [second, minute] })
    await bench.environment.advance(hour)
    expect(bench.endpoint.push.state).toBe('disabled')
    expect(bench.alarms).toHaveLength(1)
    expect(bench.times('OPTIONS')).toHaveLength(3)
    expect(bench.times('1')).toEqual([])
    expect(await bench.stats()).toMatchObject({ pending: 1 })
  })

  it('takes consent to everybody, and need not be asked of those whom the operator trusts', async () => {
    await bench.publish('a/1')
    await bench.begin((id) => (id === 'OPTIONS' ? { headers: { 'webhook-allowed-origin': '*' } } : {}), unconfirmed)
    expect(bench.sent.map(({ id }) => id)).toEqual(['OPTIONS', '1'])
    await bench.stop()
    await bench.publish('a/2')
    await bench.begin(() => ({}), { ...unconfirmed, trusted: true })
    expect(bench.sent.map(({ id }) => id)).toEqual(['OPTIONS', '1', '2'])
  })

  it('sends no faster than the endpoint agreed to', async () => {
    await bench.publish(...Array.from({ length: 10 }, (_, index) => `k${index}/${index}`))
    const slow = { headers: { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '6' } }
    await bench.begin((id) => (id === 'OPTIONS' ? slow : {}), unconfirmed)
    await bench.environment.advance(2 * minute)
    const posts = bench.sent.filter(({ method }) => method === 'POST').map(({ at }) => at)
    expect(posts).toHaveLength(10)
    for (const [index, at] of posts.entries()) expect(at - (posts[0]! + index * 10 * second)).toBeGreaterThanOrEqual(0)
    expect(bench.changes.at(-1)).toMatchObject({ state: 'active', requestsPerMinute: 6 })
  })

  it('is tried again not before the time of a Retry-After', async () => {
    const later = { status: 429, headers: { 'retry-after': '120' } }
    await bench.begin((_, attempt) => (attempt === 1 ? later : yes), unconfirmed)
    await bench.environment.advance(121 * second)
    expect(bench.endpoint.push.state).toBe('active')
    expect(bench.times('OPTIONS')[1]).toBeGreaterThanOrEqual(120 * second)
  })

  it('is over when the endpoint answers 410', async () => {
    await bench.begin(() => ({ status: 410 }), unconfirmed)
    expect(bench.endpoint.push.state).toBe('disabled')
  })
})
