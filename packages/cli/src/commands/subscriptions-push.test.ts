import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
/** A receiver that agrees to everything and takes nothing any more. */
const receiver = createServer((request, response) => {
  response.writeHead(request.method === 'OPTIONS' ? 200 : 410, { 'webhook-allowed-origin': '*' }).end()
})
let url = ''
beforeAll(async () => {
  bench = await openBench()
  await bench.broker.putTopic(bench.caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  const subscription = { subscription: 'partner.orders', topic: 'shop.order', from: 'beginning' } as const
  await bench.broker.putSubscription(bench.caller, subscription)
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await new Promise((resolve) => receiver.close(resolve))
})

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await bench.tidings('--json', '--quiet', 'subscriptions', 'push', ...words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return jsonLines(stdout)[0]!
}

test('subscriptions push: set shows the secret once, show says why it is disabled, resume goes on, remove asks', async () => {
  const words = ['subscriptions', 'push']
  const first = await bench.tidings(...words, 'set', 'partner.orders', url, '--format', 'batch', '--timeout-ms', '5000')
  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('Keep the secret: it is shown this once.') })
  const [, secret = ''] = /^secret +(whsec_\S+)$/m.exec(first.stdout) ?? []
  expect(secret).not.toBe('')
  const event = { id: '1', source: '/shop', type: 'shop.order' }
  await bench.broker.publish(bench.caller, { topic: 'shop.order', events: [{ event }] })
  let shown = await json('show', 'partner.orders')
  while (shown['state'] !== 'disabled') shown = await json('show', 'partner.orders')
  expect(shown).toMatchObject({ url, format: 'batch', timeoutMs: 5_000, reason: 'The endpoint answered 410 Gone.' })
  const text = await bench.tidings(...words, 'show', 'partner.orders')
  expect(text.stdout).toMatch(/^state +disabled since /m)
  expect(text.stdout).toMatch(/^why +The endpoint answered 410 Gone\.$/m)
  expect(text.stdout).not.toContain(secret)
  expect(await json('resume', 'partner.orders')).toMatchObject({ state: 'unconfirmed' })
  const rotated = await json('set', 'partner.orders', url, '--rotate')
  expect(rotated).toMatchObject({ secrets: 2, format: 'batch', secret: expect.stringMatching(/^whsec_/) })
  expect(rotated['secret']).not.toBe(secret)
  expect(await bench.tidings(...words, 'remove', 'partner.orders')).toMatchObject({ code: 2 })
  expect(await json('remove', 'partner.orders', '--dry-run')).toMatchObject({ url, removed: false })
  expect(await json('remove', 'partner.orders', '--yes')).toMatchObject({ url, removed: true })
  const none = await bench.tidings(...words, 'show', 'partner.orders')
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('is not pushed') })
})

test('subscriptions push set refuses what the server does not allow, and says who could', async () => {
  const words = ['subscriptions', 'push', 'set', 'partner.orders']
  const refused = await bench.tidings(...words, 'https://10.0.0.1/')
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/not a public address.*--push-allow/) })
})

test('server refuses a --push-allow that is none', async () => {
  const started = await bench.tidings('server', '--engine', 'memory', '--port', '0', '--push-allow', '10.0.0.0/99')
  expect(started).toMatchObject({ code: 2, stderr: expect.stringContaining('"10.0.0.0/99" is no network') })
})
