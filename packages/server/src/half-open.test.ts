import { connect as dial } from 'node:net'
import { connect, consume } from 'tidings'
import type { Broker, PublishAnswer } from 'tidings/broker'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { openBench, type Bench } from './bench.fixture.ts'
import { blackHole } from './black-hole.fixture.ts'
import { defaultLimits } from './limits.ts'
import { silenceLimitMs } from 'tidings/protocol'

const caller = { namespace: 'default', principal: 'tester' }
const topic = 'things.odd'
const subscription = 'tests.all'
const limits = { pingIntervalMs: 300 }
const transports = [
  { transport: 'HTTP long poll', options: { WebSocket: null, timeoutMs: 1_000 } },
  { transport: 'WebSocket', options: { WebSocket, timeoutMs: 1_000 } },
]

async function prepare({ broker }: Bench): Promise<void> {
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'tester' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
}

function publish(broker: Broker, ...ids: string[]): ReturnType<Broker['publish']> {
  const events = ids.map((id) => ({ event: { id, source: 's', type: topic, key: 'k' } }))
  return broker.publish(caller, { topic, events })
}

/** Waits for what others bring about; the limit of the test ends it. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe.concurrent.each(transports)('a connection that is half open, over $transport', ({ options }) => {
  it('is noticed by the consumer, which says so, comes back and misses nothing', async () => {
    await using bench = await openBench({ limits })
    await prepare(bench)
    await using way = await blackHole(bench.server.url)
    await using remote = connect(way.url, options)
    const handled: string[] = []
    const troubles: Error[] = []
    await using consumer = consume({
      broker: remote,
      caller,
      subscription,
      handle: async ({ event }) => (handled.push(event.id), { action: 'ack' }),
      onTrouble: (error) => troubles.push(error),
    })
    consumer.start()
    await publish(bench.broker, '1')
    await until(async () => (await bench.broker.stats(caller, subscription)).acknowledged === 1)
    way.swallow()
    await publish(bench.broker, '2', '3')
    await until(() => troubles.length > 0)
    expect(troubles[0]).toMatchObject({ code: 'unavailable', retryable: true })
    way.heal()
    await until(async () => (await bench.broker.stats(caller, subscription)).acknowledged === 3)
    expect(handled.filter((id, index) => handled.indexOf(id) === index)).toEqual(['1', '2', '3'])
  })

  it('is noticed by the server, which gives what was leased on it to somebody else', async () => {
    await using bench = await openBench({ limits })
    await prepare(bench)
    await using way = await blackHole(bench.server.url)
    await using remote = connect(way.url, options)
    const held = new Promise<void>((resolve) => {
      const listeners = { onDeliveries: () => resolve(), onClosed: () => undefined }
      void remote.stream(caller, { subscription, holder: 'lost', ...listeners }).then((stream) => stream.grant(1))
    })
    await publish(bench.broker, '1')
    await held
    way.swallow()
    const { deliveries } = await bench.broker.pull(caller, { subscription, waitMs: 20_000 })
    expect(deliveries.map(({ event, attempt }) => [event.id, attempt])).toEqual([['1', 1]])
    if (options.WebSocket) await way.serverLetGo()
  })

  it('rejects a publish whose answer is lost, and publishing again stores it once', async () => {
    await using bench = await openBench({ limits })
    await prepare(bench)
    await using way = await blackHole(bench.server.url)
    await using remote = connect(way.url, options)
    await publish(remote, '1')
    way.swallow()
    await expect(publish(remote, '2')).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    way.heal()
    // Other connections of the pool may be half open as well; each costs one more attempt.
    const isStored = (answers: readonly PublishAnswer[]): boolean => answers.every(({ status }) => status === 'stored')
    await until(() => publish(remote, '2', '3').then(isStored, () => false))
    const { events } = await bench.broker.read(caller, { topic })
    expect(events.map(({ event }) => event.id)).toEqual(['1', '2', '3'])
  })
})

it('a WebSocket that is never welcomed is given up', async () => {
  await using bench = await openBench()
  await using way = await blackHole(bench.server.url)
  way.swallow()
  await using remote = connect(way.url, { WebSocket, timeoutMs: 50 })
  const listeners = { onDeliveries: () => undefined, onClosed: () => undefined }
  const opened = remote.stream(caller, { subscription, holder: 'one', ...listeners })
  await expect(opened).rejects.toThrow(/no welcome within 50 ms/)
})

it('a client that stops taking its answer is let go of', async () => {
  await using bench = await openBench({ limits: { stalledMs: 50 } })
  await prepare(bench)
  const data = new Uint8Array(1_000_000)
  const events = Array.from({ length: 8 }, (_, index) => ({
    event: { id: `${index}`, source: 's', type: topic, data },
  }))
  await bench.broker.publish(caller, { topic, events })
  const { hostname, port } = new URL(bench.server.url)
  const socket = dial({ host: hostname, port: Number(port) })
  const cut = new Promise<unknown>((resolve) => socket.once('error', resolve))
  socket.pause()
  socket.write(`GET /v1/default/topics/${topic}/events HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  // A further request that never ends: only a connection that is closed refuses it. Whatever is sent is a sign of life.
  socket.write('GET /')
  const poke = setInterval(() => socket.write('x'), 200)
  expect(await cut).toMatchObject({ code: expect.stringMatching(/EPIPE|ECONNRESET/) })
  clearInterval(poke)
  socket.destroy()
})

it('the limits of a server that was told nothing notice a dead connection within 30 s', () => {
  const { pingIntervalMs, stalledMs } = defaultLimits
  // Silence is looked for once in each interval.
  expect(silenceLimitMs(pingIntervalMs) + pingIntervalMs).toBeLessThanOrEqual(30_000)
  expect(stalledMs).toBeLessThanOrEqual(30_000)
})
