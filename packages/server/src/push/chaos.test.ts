import type { Server as SecureServer } from 'node:https'
import { expect, it } from 'vitest'
import { certificate } from './certificate.fixture.ts'
import { drip, failures, playPushChaos, untilDelivered, type Failure } from './chaos.fixture.ts'
import { caller, openPush, openReceiver, subscription, take, until, type ReceiverOptions } from './push.fixture.ts'

const names = Array.from({ length: 24 }, (_, index) => `k${index % 6}/${index}`)
const timeoutMs = 400

/** How often each message is failed, in each way. */
const times: Readonly<Record<Failure, number>> = {
  'never answers': 1,
  'resets the connection': 3,
  'answers 500, 502, 503': 3,
  'asks for a pause': 1,
  'redirects to the inside': 3,
  'answers 503 with a body that never ends': 2,
  'ends in the middle of its head': 3,
}

async function expectAllDelivered(options: ReceiverOptions): Promise<void> {
  await using receiver = await openReceiver(options)
  await using bench = await openPush()
  expect((await bench.ask('PUT', '/push', { url: receiver.url, timeoutMs })).status).toBe(200)
  await bench.publish(...names)
  await untilDelivered(bench, names.length)
  expect(receiver.effects.size).toBe(names.length)
  const seen = new Set(receiver.received.map(({ headers }) => headers['webhook-id']))
  expect(seen.size).toBe(names.length)
}

it.each(Object.keys(failures) as Failure[])('delivers all to a receiver that %s, each effect once', async (failure) => {
  await expectAllDelivered({
    answer(received, response, taken) {
      if (received.earlier < times[failure]) failures[failure](response)
      else take(received, response, taken)
    },
  })
})

it('delivers all, in order within each key, to receivers that fail in every way by turns', async () => {
  const { counts } = await playPushChaos(7, { deliveries: 300, keys: 20, pauses: 2 })
  expect(counts).toMatchObject({ delivered: 315, lost: 0 })
  expect(Object.entries(counts).filter(([what, count]) => count === 0 && what !== 'lost')).toEqual([])
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
