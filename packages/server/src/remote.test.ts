import { connect } from 'tidings'
import type { Broker, Caller, Delivery } from 'tidings/broker'
import type { Event } from 'tidings/event'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { openBench } from './bench.fixture.ts'

const caller: Caller = { namespace: 'default', principal: 'tester' }
const transports = [
  { transport: 'HTTP long poll', options: { WebSocket: null } },
  { transport: 'WebSocket', options: { WebSocket } },
]
const awkward: Event = {
  id: 'a€\n'.trim(),
  source: 's p a c e %41 "quoted"',
  type: 'things.odd',
  key: '🔑',
  extensions: { flag: true, count: -1, text: '' },
  data: Uint8Array.of(0, 255, 0x22, 0xd8, 0x00),
}

describe.each(transports)('a remote broker over $transport', ({ options }) => {
  it('carries every event and attribute unchanged from publish to settle', async () => {
    await using bench = await openBench()
    await using remote = connect(bench.server.url, options)
    await prepare(remote)
    const [answer] = await remote.publish(caller, { topic: 'things.odd', events: [{ event: awkward }] })
    expect(answer).toMatchObject({ status: 'stored' })
    expect((await remote.read(caller, { topic: 'things.odd' })).events[0]!.event).toEqual(awkward)

    const flow = watch()
    const stream = await remote.stream(caller, { subscription: 'tests.all', holder: 'one', ...flow.listeners })
    stream.grant(10)
    const [delivery] = await flow.deliveries(1)
    expect(delivery).toMatchObject({ attempt: 1, generation: 1, event: awkward })
    const settled = await remote.settle(caller, {
      subscription: 'tests.all',
      outcomes: [{ lease: delivery!.lease, action: 'ack' }],
    })
    expect(settled).toEqual([{ lease: delivery!.lease, status: 'settled' }])
    await remote.publish(caller, { topic: 'things.odd', events: [{ event: { ...awkward, id: '2' } }] })
    await flow.deliveries(2)
    await stream.close()
    expect(await remote.stats(caller, 'tests.all')).toMatchObject({ acknowledged: 1, pending: 1, leased: 0 })
  })

  it('hands out no more than the credit that was granted', async () => {
    await using bench = await openBench()
    await using remote = connect(bench.server.url, options)
    await prepare(remote)
    await remote.publish(caller, { topic: 'things.odd', events: numbered(5) })
    const flow = watch()
    const stream = await remote.stream(caller, { subscription: 'tests.all', holder: 'one', ...flow.listeners })
    stream.grant(2)
    await flow.deliveries(2)
    expect(await remote.stats(caller, 'tests.all')).toMatchObject({ leased: 2, ready: 3 })
    stream.grant(3)
    expect(await flow.deliveries(5)).toHaveLength(5)
    await stream.close()
  })

  it('keeps the leases that a new stream of the same holder presents', async () => {
    await using bench = await openBench()
    await using remote = connect(bench.server.url, options)
    await prepare(remote)
    await remote.publish(caller, { topic: 'things.odd', events: numbered(2) })
    const before = watch()
    const lost = await remote.stream(caller, { subscription: 'tests.all', holder: 'one', ...before.listeners })
    lost.grant(2)
    const leases = (await before.deliveries(2)).map(({ lease }) => lease)
    lost.abandon()
    const request = { subscription: 'tests.all', holder: 'one', leases: [...leases, 'nonsense'], ...watch().listeners }
    const stream = await remote.stream(caller, request)
    expect(stream.kept).toEqual(leases)
    await stream.close()
  })

  it('rejects with the code, the message and the details of the server', async () => {
    await using bench = await openBench()
    await using remote = connect(bench.server.url, options)
    await expect(remote.topic(caller, 'no.topic')).rejects.toMatchObject({ code: 'topic-unknown', retryable: false })
    const request = { subscription: 'no.such', holder: 'one', ...watch().listeners }
    await expect(remote.stream(caller, request)).rejects.toMatchObject({ code: 'subscription-unknown' })
  })

  it('says which server is out of reach, retryably, and ends its streams', async () => {
    const bench = await openBench()
    await using remote = connect(bench.server.url, options)
    await prepare(remote)
    const flow = watch()
    const stream = await remote.stream(caller, { subscription: 'tests.all', holder: 'one', ...flow.listeners })
    stream.grant(1)
    await bench[Symbol.asyncDispose]()
    expect(await flow.closed).toMatchObject({ retryable: true })
    await expect(remote.topics(caller)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    await expect(remote.topics(caller)).rejects.toThrow(bench.server.url)
    await expect(
      remote.stream(caller, { subscription: 'tests.all', holder: 'one', ...watch().listeners }),
    ).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('connect() without a WebSocket of its own', () => {
  let opened = 0
  class Counted extends WebSocket {
    constructor(url: string) {
      super(url)
      opened++
    }
  }
  afterEach(() => {
    opened = 0
    vi.unstubAllGlobals()
  })

  it.each([
    ['takes the global one', {}, Counted, 1],
    ['polls where there is none', {}, undefined, 0],
    ['polls where it is told to', { WebSocket: null }, Counted, 0],
  ])('%s', async (_, options, global, sockets) => {
    vi.stubGlobal('WebSocket', global)
    await using bench = await openBench()
    await using remote = connect(bench.server.url, options)
    await prepare(remote)
    await remote.publish(caller, { topic: 'things.odd', events: numbered(1) })
    const flow = watch()
    const stream = await remote.stream(caller, { subscription: 'tests.all', holder: 'one', ...flow.listeners })
    stream.grant(1)
    expect(await flow.deliveries(1)).toHaveLength(1)
    expect(opened).toBe(sockets)
    await stream.close()
  })
})

it('a client that goes away while it waits takes nothing with it', async () => {
  await using bench = await openBench()
  await prepare(bench.broker)
  const gone = new AbortController()
  const body = JSON.stringify({ waitMs: 60_000 })
  const headers = { 'content-type': 'application/json' }
  const waiting = fetch(`${bench.base}/subscriptions/tests.all/pull`, {
    method: 'POST',
    headers,
    body,
    signal: gone.signal,
  })
  while ((await bench.broker.stats(caller, 'tests.all')).consumers === 0) await new Promise(setImmediate)
  gone.abort()
  await expect(waiting).rejects.toThrow('aborted')
  // Whoever waits is seen as a consumer until a piece of its wait is over.
  while ((await bench.broker.stats(caller, 'tests.all')).consumers > 0) await new Promise(setImmediate)
  await bench.broker.publish(caller, { topic: 'things.odd', events: numbered(1) })
  const { deliveries } = await bench.broker.pull(caller, { subscription: 'tests.all', waitMs: 10_000 })
  expect(deliveries).toMatchObject([{ attempt: 1 }])
})

it('a server of another version is refused, saying which side to upgrade, and nothing is published', async () => {
  await using bench = await openBench()
  await prepare(bench.broker)
  const seen: string[] = []
  const remote = connect(bench.server.url, {
    WebSocket: null,
    async fetch(input) {
      seen.push(new URL(input).pathname)
      return new Response('{"results":[]}', { headers: { 'tidings-protocol': '2' } })
    },
  })
  const upgrade = {
    code: 'protocol-version',
    retryable: false,
    message: expect.stringMatching(/server speaks version 2 .*upgrade the client/),
  }
  await expect(remote.publish(caller, { topic: 'things.odd', events: [{ event: awkward }] })).rejects.toMatchObject(
    upgrade,
  )
  expect(seen).toHaveLength(1)
  await using right = connect(bench.server.url, { WebSocket: null })
  expect((await right.publish(caller, { topic: 'things.odd', events: [{ event: awkward }] }))[0]?.status).toBe('stored')
})

it('a server of another version is refused on a WebSocket as well', async () => {
  await using bench = await openBench()
  class Newer extends WebSocket {
    override emit(name: string, ...given: unknown[]): boolean {
      if (name !== 'message') return super.emit(name, ...given)
      return super.emit(name, Buffer.from(String(given[0]).replace('"protocol":1', '"protocol":2')), false)
    }
  }
  await prepare(bench.broker)
  await using remote = connect(bench.server.url, { WebSocket: Newer })
  const request = { subscription: 'tests.all', holder: 'one', ...watch().listeners }
  await expect(remote.stream(caller, request)).rejects.toMatchObject({
    code: 'protocol-version',
    message: expect.stringMatching(/server speaks version 2 .*upgrade the client/),
  })
  expect(await bench.broker.stats(caller, 'tests.all')).toMatchObject({ leased: 0 })
})

it('a principal that is no name is refused before it is sent', async () => {
  const remote = connect('http://localhost:1')
  await expect(remote.topics({ ...caller, principal: '名' })).rejects.toMatchObject({ code: 'name-invalid' })
})

it('connect() refuses what is no address of a server', () => {
  expect(() => connect('localhost:7070')).toThrow(/looks like http:\/\/localhost:7070/)
})

async function prepare(broker: Broker): Promise<void> {
  await broker.putTopic(caller, { topic: 'things.odd', kind: 'event', owner: 'tester' })
  await broker.putSubscription(caller, { subscription: 'tests.all', topic: 'things.odd', from: 'beginning' })
}

function numbered(count: number): { event: Event }[] {
  return Array.from({ length: count }, (_, index) => ({
    event: { id: `${index}`, source: 's', type: 'things.odd', key: `k${index}` },
  }))
}

/** Collects what a stream says, and lets a test wait for it. */
function watch() {
  const received: Delivery[] = []
  let changed: () => void = () => undefined
  let close: (reason: Error) => void = () => undefined
  const closed = new Promise<Error>((resolve) => (close = resolve))
  return {
    closed,
    listeners: {
      onDeliveries(deliveries: readonly Delivery[]): void {
        received.push(...deliveries)
        changed()
      },
      onProgress: (): void => undefined,
      onClosed: close,
    },
    async deliveries(count: number): Promise<readonly Delivery[]> {
      while (received.length < count) await new Promise<void>((resolve) => (changed = resolve))
      return received
    },
  }
}
