import type { ServerResponse } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import { expect, it } from 'vitest'
import { certificate } from './certificate.fixture.ts'
import { caller, openPush, openReceiver, subscription, take, until, type ReceiverOptions } from './push.fixture.ts'

const names = Array.from({ length: 24 }, (_, index) => `k${index % 6}/${index}`)
const timeoutMs = 400

/** A body that never ends, a byte at a time. */
function drip(response: ServerResponse, status: number): void {
  response.writeHead(status)
  const timer = setInterval(() => response.write('.'), 5)
  response.once('close', () => clearInterval(timer))
}

/** How a receiver fails, until it has seen the message so often. */
const modes: Readonly<Record<string, { readonly times: number; readonly fail: (response: ServerResponse) => void }>> = {
  'never answers': { times: 1, fail: () => undefined },
  'resets the connection': { times: 3, fail: (response) => response.socket?.resetAndDestroy() },
  'answers 500, 502, 503': { times: 3, fail: (response) => response.writeHead(502).end() },
  'asks for a pause': { times: 1, fail: (response) => response.writeHead(429, { 'retry-after': '1' }).end() },
  'redirects to the inside': {
    times: 3,
    fail: (response) => response.writeHead(307, { location: 'http://169.254.169.254/' }).end(),
  },
  'answers 503 with a body that never ends': { times: 2, fail: (response) => drip(response, 503) },
  'ends in the middle of its head': { times: 3, fail: (response) => response.socket?.end('HTTP/1.1 200 OK\r\nconte') },
}

async function expectAllDelivered(options: ReceiverOptions): Promise<void> {
  await using receiver = await openReceiver(options)
  await using bench = await openPush()
  expect((await bench.ask('PUT', '/push', { url: receiver.url, timeoutMs })).status).toBe(200)
  await bench.publish(...names)
  const isDone = async (): Promise<boolean> => {
    const { state } = (await bench.ask('GET', '/push')).body
    if (state === 'disabled') await bench.ask('POST', '/push/resume')
    return (await bench.server.broker.stats(caller, subscription)).acknowledged === names.length
  }
  await until(isDone)
  expect(receiver.effects.size).toBe(names.length)
  const seen = new Set(receiver.received.map(({ headers }) => headers['webhook-id']))
  expect(seen.size).toBe(names.length)
}

it.each(Object.entries(modes))('delivers all to a receiver that %s, each effect once', async (_, { times, fail }) => {
  await expectAllDelivered({
    answer(received, response, taken) {
      if (received.earlier < times) fail(response)
      else take(received, response, taken)
    },
  })
})

it('delivers all to a receiver that takes what it never answers to: the id tells it what it has', async () => {
  await expectAllDelivered({
    answer(received, response, taken) {
      if (received.earlier === 0) taken()
      if (received.earlier < 2) response.socket?.destroy()
      else response.writeHead(200).end()
    },
  })
})

it('takes a 2xx for what it is, whatever becomes of the body behind it', async () => {
  await expectAllDelivered({
    answer(_, response, taken) {
      taken()
      drip(response, 200)
    },
  })
})

it('delivers all to a receiver that was gone (410), when an operator resumes', async () => {
  let gone = 0
  await expectAllDelivered({
    answer(received, response, taken) {
      if (received.earlier === 0 && gone++ < 3) response.writeHead(410).end()
      else take(received, response, taken)
    },
  })
})

it('delivers all over TLS when the receiver has its right certificate again, and nothing before', async () => {
  const right = certificate()
  const wrong = certificate()
  let connections = 0
  await using receiver = await openReceiver({
    tls: right,
    consent(_, response) {
      const server = receiver.server as SecureServer
      server.setSecureContext(wrong)
      server.on('connection', () => {
        if (++connections === 20) server.setSecureContext(right)
      })
      response.writeHead(200, { 'webhook-allowed-origin': '*', connection: 'close' }).end()
    },
    answer(received, response, taken) {
      expect(connections).toBeGreaterThanOrEqual(20)
      take(received, response, taken)
    },
  })
  await using bench = await openPush({ push: { certificates: [right.cert] } })
  await bench.ask('PUT', '/push', { url: receiver.url })
  await bench.publish(...names)
  await until(async () => (await bench.server.broker.stats(caller, subscription)).acknowledged === names.length)
  expect(receiver.effects.size).toBe(names.length)
  expect(receiver.received).toHaveLength(names.length)
})
