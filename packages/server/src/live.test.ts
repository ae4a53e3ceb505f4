import { connect } from 'tidings'
import { allowAll, createBroker, type Broker } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { openBench, type Bench } from './bench.fixture.ts'
import { blackHole } from './black-hole.fixture.ts'
import { caller, counted, flood, floodEvents, Plain, settled, Source, topic, watch } from './live.fixture.ts'
import { createServer } from './server.ts'

const live = `/topics/${topic}/live`
const limits = { pingIntervalMs: 300 }
const transports = [
  { transport: 'server-sent events', options: { WebSocket: null, timeoutMs: 1_000 } },
  { transport: 'WebSocket', options: { WebSocket, timeoutMs: 1_000 } },
]

async function publish(broker: Broker, ...ids: string[]): Promise<string[]> {
  const data = new TextEncoder().encode('{\n "big": 9223372036854775807 }')
  const events = ids.map((id) => ({
    event: { id, source: 's', type: topic, key: id[0]!, data, extensions: { correlationid: `c${id}` } },
  }))
  const answers = await broker.publish(caller, { topic, events })
  return answers.map((answer) => (answer.status === 'stored' ? answer.position : ''))
}

async function openShop(options: Parameters<typeof openBench>[0] = {}): Promise<Bench> {
  const bench = await openBench({ limits, ...options })
  await bench.broker.putTopic(caller, { topic, kind: 'event', owner: 'tester' })
  return bench
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe(`GET ${live}`, () => {
  it('sends each event with its position as id, its payload untouched, and then what comes', async () => {
    await using bench = await openShop()
    const [first, second] = await publish(bench.broker, 'a1', 'a2')
    await using source = await Source.open(`${bench.base}${live}?after=beginning`)
    expect(source.response.headers.get('content-type')).toBe('text/event-stream')
    expect(await source.block('event: live')).toMatch(/^retry: 1000\nid: \w+\.0\nevent: live\ndata: \{"position":/)
    const text = await source.block('"a1"')
    expect(text).toContain(`id: ${first}\n`)
    expect(text).toContain('"data":{\ndata:  "big": 9223372036854775807 }')
    expect(await source.block('"a2"')).toContain(`id: ${second}\n`)
    await publish(bench.broker, 'a3')
    expect(await source.block('"a3"')).toContain('"id":"a3"')
  })

  it('goes on after Last-Event-ID, and its first id is where it began', async () => {
    await using bench = await openShop()
    const [first] = await publish(bench.broker, 'a1', 'a2')
    const headers = { 'last-event-id': first! }
    await using source = await Source.open(`${bench.base}${live}?after=end`, { headers })
    expect(await source.block('event: live')).toContain(`id: ${first}\n`)
    await source.block('"a2"')
    expect(source.text).not.toContain('"a1"')
  })

  it.each([
    ['type=other&type=more', ['b2', 'b3']],
    ['key=a', ['a1']],
    ['correlationid=ca1', ['a1']],
    ['key=b&type=more', ['b3']],
    [`filter=${encodeURIComponent('{"prefix":{"id":"b"}}')}`, ['b2', 'b3']],
  ])('sends what fits ?%s', async (query, ids) => {
    await using bench = await openShop()
    await publish(bench.broker, 'a1')
    const event = (id: string, type: string) => ({ event: { id, source: 's', type, key: 'b' } })
    await bench.broker.publish(caller, { topic, events: [event('b2', 'other'), event('b3', 'more')] })
    await using source = await Source.open(`${bench.base}${live}?after=beginning&${query}`)
    await source.block(`"${ids.at(-1)}"`)
    expect([...source.text.matchAll(/"id":"(\w+)"/g)].map(([, id]) => id)).toEqual(ids)
  })

  it('shows signs of life, and how far nothing matched', async () => {
    await using bench = await openShop({ limits: { pingIntervalMs: 20 } })
    await using source = await Source.open(`${bench.base}${live}?key=b`)
    await source.block(':')
    const [position] = await publish(bench.broker, 'a1')
    expect(await source.block(`id: ${position}`)).toBe(`id: ${position}`)
  })

  it.each([
    ['of another life', (position: string) => `x${position}`, /belongs to another life/],
    ['beyond the end', (position: string) => position.replace(/\d+$/, '99'), /lies beyond the end/],
  ])('tells whoever comes with a position %s that it missed something, and goes on from now', async (_, make, why) => {
    await using bench = await openShop()
    const [first] = await publish(bench.broker, 'a1')
    await using source = await Source.open(`${bench.base}${live}?after=${make(first!)}`)
    const reset = await source.block('event: reset')
    expect(reset).toContain(`id: ${first}\n`)
    expect(reset).toMatch(why)
    await publish(bench.broker, 'a2')
    await source.block('"a2"')
    expect(source.text).not.toContain('"a1"')
  })

  it('refuses what it cannot follow as every request is refused', async () => {
    await using bench = await openShop()
    for (const [path, status, code] of [
      ['/topics/no.such/live', 404, 'topic-unknown'],
      [`${live}?after=nonsense`, 400, 'bad-request'],
      [`${live}?filter=%7B`, 400, 'bad-request'],
      [`${live}?tpye=a`, 400, 'bad-request'],
    ] as const) {
      expect(await bench.call('GET', path)).toMatchObject({ status, body: { code } })
    }
  })

  it('takes no more readers than the server has connections for, and another one when one has gone', async () => {
    await using bench = await openShop({ limits: { ...limits, connections: 2 } })
    const path = `${bench.base}${live}`
    await using first = await Source.open(path)
    const second = await Source.open(path)
    await expect(Source.open(path)).rejects.toThrow('takes no more connections')
    await second[Symbol.asyncDispose]()
    await until(() =>
      Source.open(path).then(
        (third) => third[Symbol.asyncDispose]().then(() => true),
        () => false,
      ),
    )
    expect(first.text).toContain('event: live')
  })

  it('ends when the server stops', async () => {
    const bench = await openShop()
    await using source = await Source.open(`${bench.base}${live}`)
    await bench[Symbol.asyncDispose]()
    await source.ended
  })
})

describe('a reader that is slow', () => {
  it('over HTTP is not read for ahead, and is told when retention overtakes it', async () => {
    const { engine, reads } = counted(memoryEngine())
    await using bench = await openShop({ broker: createBroker({ engine, authorize: allowAll }) })
    await using source = await Source.open(`${bench.base}${live}?after=beginning`)
    await source.block('event: live')
    source.pause()
    await flood(bench.broker)
    // Until what the network holds is full; then nobody asks for more.
    await settled(reads)
    expect(reads.records).toBeLessThan(floodEvents / 2)
    await engine.log.trim({ namespace: 'default', topic }, floodEvents)
    source.resume()
    await source.block('event: reset')
    await publish(bench.broker, 'z1')
    await source.block('"z1"')
  })

  it('over a WebSocket is not read for ahead, and is told when retention overtakes it', async () => {
    const { engine, reads } = counted(memoryEngine())
    // Nobody answers pings here while nothing is taken.
    await using bench = await openShop({ broker: createBroker({ engine, authorize: allowAll }), limits: {} })
    const socket = await Plain.open(bench)
    socket.send({ type: 'follow', id: 1, stream: 1, topic, after: 'beginning', json: true })
    await socket.next('answer')
    socket.webSocket.pause()
    await flood(bench.broker)
    await settled(reads)
    expect(reads.records).toBeLessThan(floodEvents / 2)
    await engine.log.trim({ namespace: 'default', topic }, floodEvents)
    socket.webSocket.resume()
    expect(await socket.next('reset')).toMatchObject({ stream: 1, message: expect.stringMatching(/trimmed/) })
    socket.webSocket.terminate()
  })

  it('that takes nothing for long is let go of', async () => {
    const { engine, reads } = counted(memoryEngine())
    const broker = createBroker({ engine, authorize: allowAll })
    await using bench = await openShop({ broker, limits: { ...limits, stalledMs: 50 } })
    await using source = await Source.open(`${bench.base}${live}?after=beginning`)
    await source.block('event: live')
    source.pause()
    await flood(bench.broker)
    await until(() => reads.watching === 0)
    source.resume()
    await source.ended
  })
})

describe.each(transports)('follow() of a remote broker over $transport', ({ options }) => {
  it('says when its connection is half open, comes back and misses nothing', async () => {
    await using bench = await openShop()
    await using way = await blackHole(bench.server.url)
    await using remote = connect(way.url, options)
    const seen = await watch(remote)
    await publish(bench.broker, 'a1')
    await until(() => seen.ids.length === 1)
    way.swallow()
    await publish(bench.broker, 'a2', 'a3')
    await until(() => seen.states.includes('stale'))
    way.heal()
    await until(() => seen.ids.length === 3)
    expect(seen.ids).toEqual(['a1', 'a2', 'a3'])
    expect(seen.states.at(-1)).toBe('live')
    expect(seen.resets).toEqual([])
  })

  it('is told when the store of the server was wiped, and has the full state after that', async () => {
    const first = await openShop()
    const port = Number(new URL(first.server.url).port)
    await using remote = connect(first.server.url, options)
    const seen = await watch(remote)
    await publish(first.broker, 'a1', 'a2')
    await until(() => seen.ids.length === 2)
    await first[Symbol.asyncDispose]()
    const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
    await broker.start()
    await using server = createServer({ broker, port, limits })
    await server.start()
    // The server is there before its topic is.
    await until(() => seen.states.filter((state) => state === 'stale').length > 3)
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'tester' })
    await publish(broker, 'b1', 'b2')
    await until(() => seen.resets.length > 0)
    const { events } = await remote.read(caller, { topic })
    await publish(broker, 'b3')
    await until(() => seen.ids.includes('b3'))
    const state = new Set([...events.map(({ event }) => event.id), ...seen.ids.slice(2)])
    expect(state).toEqual(new Set(['b1', 'b2', 'b3']))
    await broker.stop()
  })

  it('ends when it is closed or its broker is stopped, and leaves nothing at the server', async () => {
    const { engine, reads } = counted(memoryEngine())
    await using bench = await openShop({ broker: createBroker({ engine, authorize: allowAll }) })
    const remote = connect(bench.server.url, options)
    const seen = await watch(remote)
    const other = await watch(remote)
    seen.close()
    await remote.stop()
    expect([seen.closed, other.closed?.message]).toEqual([undefined, expect.stringMatching(/was stopped here/)])
    await until(() => reads.watching === 0)
  })
})

it('a client on a WebSocket that is gone without a good-bye leaves nothing at the server', async () => {
  const { engine, reads } = counted(memoryEngine())
  await using bench = await openShop({ broker: createBroker({ engine, authorize: allowAll }) })
  const socket = await Plain.open(bench)
  for (const stream of [1, 2]) socket.send({ type: 'follow', id: stream, stream, topic, json: true })
  await until(() => reads.watching === 2)
  socket.webSocket.terminate()
  await until(() => reads.watching === 0)
})

it('a client on a WebSocket is told where a topic begins before it gets anything of it', async () => {
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  const follow = broker.follow.bind(broker)
  // Events are there before the answer is.
  broker.follow = async (who, request) => {
    let came = (): void => undefined
    const first = new Promise<void>((resolve) => (came = resolve))
    const onEvents: typeof request.onEvents = (...page) => {
      const sent = request.onEvents(...page)
      setImmediate(came)
      return sent
    }
    const follower = await follow(who, { ...request, onEvents })
    await first
    return follower
  }
  await using bench = await openShop({ broker })
  await publish(bench.broker, 'a1')
  const socket = await Plain.open(bench)
  const order: unknown[] = []
  socket.webSocket.on('message', (data: Buffer) => order.push((JSON.parse(data.toString()) as { type: string }).type))
  socket.send({ type: 'follow', id: 1, stream: 1, topic, after: 'beginning', json: true })
  await socket.next('events')
  expect(order.filter((type) => type === 'answer' || type === 'events')).toEqual(['answer', 'events'])
  socket.webSocket.terminate()
})

it('a client in any language sends a task and gets what comes of it on one socket, in JSON', async () => {
  await using bench = await openShop()
  await bench.broker.putTopic(caller, { topic: 'shop.tasks', kind: 'task', owner: 'shop' })
  const socket = await Plain.open(bench)
  const filter = { exact: { correlationid: 'c1' } }
  socket.send({ type: 'follow', id: 1, stream: 1, topic, filter, json: true })
  const text = '{"specversion":"1.0","id":"t1","source":"page","type":"shop.do","partitionkey":"k","data":{"n":1.0}}'
  socket.send({ type: 'publish', id: 2, topic: 'shop.tasks', events: [text] })
  socket.send({ type: 'publish', id: 3, topic: 'shop.tasks', events: ['{"specversion":"1.0"}'] })
  expect(await socket.next('answer')).toMatchObject({ id: 1 })
  expect(await socket.next('answer')).toMatchObject({ id: 2, result: { results: [{ status: 'stored' }] } })
  expect(await socket.next('error')).toMatchObject({ id: 3, problem: { code: 'event-invalid' } })
  const { events } = await bench.broker.read(caller, { topic: 'shop.tasks' })
  expect(new TextDecoder().decode(events[0]!.event.data)).toBe('{"n":1.0}')
  await publish(bench.broker, '2', '1')
  expect(await socket.next('events')).toMatchObject({ stream: 1, events: [{ event: { id: '1', data: {} } }] })
  socket.webSocket.terminate()
})

it('pages of an allowed origin may call, and are told so; others may not', async () => {
  await using bench = await openShop({ origins: ['https://shop.example'] })
  const ask = (origin: string) => ({
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'x',
  })
  const allowed = await bench.call('OPTIONS', `/topics/${topic}/events`, { headers: ask('https://shop.example') })
  expect(allowed.status).toBe(204)
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    'access-control-allow-origin': 'https://shop.example',
    'access-control-allow-headers': 'x',
    'access-control-allow-methods': expect.stringContaining('POST'),
    vary: 'origin',
  })
  const answer = await bench.call('GET', '/topics', { headers: { origin: 'https://shop.example' } })
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, 'https://shop.example'])
  await using source = await Source.open(`${bench.base}${live}`, { headers: { origin: 'https://shop.example' } })
  expect(source.response.headers.get('access-control-allow-origin')).toBe('https://shop.example')
  for (const method of ['OPTIONS', 'GET']) {
    const refused = await bench.call(method, '/topics', { headers: ask('https://evil.example') })
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, null])
  }
})
