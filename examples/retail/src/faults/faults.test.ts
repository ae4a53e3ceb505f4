import { createServer } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { call, listen, readBytes, serve } from '../process/http.ts'
import { planFaults } from './plan.ts'
import { seededRandom } from './random.ts'
import { MailRecorder } from './recorder.ts'
import { replayRequests } from './replay-requests.ts'
import { replayDeliveries } from './replay-deliveries.ts'
import { runFaults } from './run.ts'

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

describe('planFaults()', () => {
  test('gives one history for one seed and another for another', () => {
    expect(planFaults(7, 18_532)).toEqual(planFaults(7, 18_532))
    expect(planFaults(7, 18_532)).not.toEqual(planFaults(8, 18_532))
  })

  test.each([1, 7, 99])(
    'kills marketing and the server several times and fails the mail once, in order (seed %i)',
    (seed) => {
      const plan = planFaults(seed, 18_532)
      const kinds = plan.map(({ kind }) => kind)
      expect(kinds.filter((kind) => kind === 'kill-marketing')).toHaveLength(4)
      expect(kinds.filter((kind) => kind === 'kill-server')).toHaveLength(3)
      expect(kinds.filter((kind) => kind === 'fail-mail')).toHaveLength(1)
      const places = plan.map(({ afterOrders }) => afterOrders)
      expect(places).toEqual(places.toSorted((left, right) => left - right))
      expect(places.at(-1)).toBeLessThan(18_532)
    },
  )
})

test('runFaults() lets what is planned for later happen when nothing more will come', async () => {
  const happened: string[] = []
  await runFaults(
    [
      { kind: 'kill-marketing', afterOrders: 1_000_000, delayMs: 0 },
      { kind: 'kill-server', afterOrders: 2_000_000, delayMs: 0 },
    ],
    {
      progress: () => 0,
      over: () => true,
      actions: { 'kill-marketing': async () => void happened.push('marketing') },
    },
  )
  expect(happened).toEqual(['marketing'])
})

describe('the recorder of emails', () => {
  async function started(): Promise<MailRecorder> {
    const recorder = await MailRecorder.start()
    stops.push(() => recorder.stop())
    return recorder
  }
  const body = { to: 'customer-1@example.com', order: '1' }

  test('sends once for an idempotency key and counts every call', async () => {
    const recorder = await started()
    const headers = { 'idempotency-key': 'a' }
    for (let time = 0; time < 3; time += 1) await call('POST', `${recorder.url}/emails`, { body, headers })
    expect({ calls: recorder.calls, emails: recorder.sent.size, twice: recorder.sentTwice }).toEqual({
      calls: 3,
      emails: 1,
      twice: 0,
    })
  })

  test('sends every call without a key', async () => {
    const recorder = await started()
    for (let time = 0; time < 3; time += 1) await call('POST', `${recorder.url}/emails`, { body })
    expect({ calls: recorder.calls, emails: recorder.sent.size, twice: recorder.sentTwice }).toEqual({
      calls: 3,
      emails: 1,
      twice: 2,
    })
  })

  test('refuses while it fails, and remembers no key of a refused call', async () => {
    const recorder = await started()
    const failing = recorder.failFor(20)
    const headers = { 'idempotency-key': 'a' }
    expect((await call('POST', `${recorder.url}/emails`, { body, headers })).status).toBe(503)
    await failing
    expect((await call('POST', `${recorder.url}/emails`, { body, headers })).status).toBe(200)
    expect({ calls: recorder.calls, refused: recorder.refused, emails: recorder.sent.size }).toEqual({
      calls: 2,
      refused: 1,
      emails: 1,
    })
  })
})

test('replayRequests() passes every request on and counts those that it really said twice', async () => {
  const bodies: unknown[] = []
  const { url, server } = await serve({ port: 0, routes: { 'POST /orders': ({ body }) => bodies.push(body) } })
  const proxy = await replayRequests({ target: () => url, random: seededRandom(7, 'test') })
  stops.push(
    () => proxy.stop(),
    () => server.closeAllConnections(),
    () => server.close(),
  )
  for (let order = 0; order < 200; order += 1)
    await call('POST', `${proxy.url}/orders`, { body: { order, note: 'ü'.repeat(order) } })
  while (proxy.busy()) await new Promise((resolve) => setImmediate(resolve))
  expect(proxy.replayed()).toBeGreaterThan(0)
  expect(bodies).toHaveLength(200 + proxy.replayed())
  expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(200)
})

test('replayDeliveries() gives the answer of a pull to the next pull once more', async () => {
  let pulls = 0
  const server = createServer((request, response) => {
    void readBytes(request).then(() => response.end(JSON.stringify({ deliveries: [{ lease: String((pulls += 1)) }] })))
  })
  const url = await listen(server, 0)
  const proxy = await replayDeliveries({ target: () => url, random: () => 0 })
  stops.push(
    () => proxy.stop(),
    () => server.closeAllConnections(),
    () => server.close(),
  )
  const leases: unknown[] = []
  for (let time = 0; time < 4; time += 1) leases.push((await call('POST', `${proxy.url}/pull`, { body: {} })).body)
  expect(leases.map((body) => JSON.stringify(body))).toEqual(
    [1, 1, 2, 2].map((lease) => `{"deliveries":[{"lease":"${lease}"}]}`),
  )
  expect(proxy.replayed()).toBe(2)
})
