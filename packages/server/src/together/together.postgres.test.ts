import { once } from 'node:events'
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net'
import { postgresDatabase } from '@tidings/tools/postgres'
import { connect, consume } from 'tidings'
import { expect, test, type TestContext } from 'vitest'
import { WebSocket } from 'ws'
import { Source } from '../live.fixture.ts'
import { startServer, type RunningServer, type Standing, type StartOptions } from '../start.ts'
import type { PostgresAddress } from '../make-store.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'shop.order'
const token = 'a-token-of-the-operator'

/** Servers on one store, as many as a test starts. */
async function bench(context: TestContext) {
  const { url } = await postgresDatabase(context)
  const servers: RunningServer[] = []
  context.onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.stop()))
  })
  return {
    async start(options: StartOptions = {}): Promise<RunningServer> {
      const server = await startServer({ engine: url as PostgresAddress, port: 0, ...options })
      servers.push(server)
      return server
    },
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function event(id: string) {
  return { event: { id, source: '/shop', type: topic, key: id, data: new TextEncoder().encode('{}') } }
}

test('the second server stands by and carries HTTP, WebSockets and server-sent events to the first', async (context) => {
  const { start } = await bench(context)
  const leader = await start()
  const other = await start()
  expect(leader.standing).toEqual({ state: 'leads' })
  expect(other.standing).toEqual({ state: 'stands-by', leader: leader.url })
  await using http = connect(other.url, { WebSocket: null })
  await http.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await http.putSubscription(caller, { subscription: 'mail.pull', topic, from: 'beginning' })
  await http.putSubscription(caller, { subscription: 'mail.stream', topic, from: 'beginning' })
  await using source = await Source.open(`${other.url}/v1/default/topics/${topic}/live?after=beginning`)
  await using socket = connect(other.url, { WebSocket })
  const handled: string[] = []
  await using consumer = consume({
    broker: socket,
    caller,
    subscription: 'mail.stream',
    handle: async (delivery) => {
      handled.push(delivery.event.id)
      return { action: 'ack' }
    },
  })
  consumer.start()
  await http.publish(caller, { topic, events: [event('1'), event('2')] })
  await until(() => handled.length === 2)
  expect(await source.block('"2"')).toContain('"id":"2"')
  const { deliveries } = await http.pull(caller, { subscription: 'mail.pull', max: 10, waitMs: 10_000 })
  expect(deliveries).toMatchObject([{ event: { id: '1' } }, { event: { id: '2' } }])
  expect((await leader.broker.read(caller, { topic })).events).toHaveLength(2)
  expect((await leader.broker.stats(caller, 'mail.stream')).acknowledged).toBe(2)
})

test('the broker of a server that stands by is refused as unavailable, and says where to call', async (context) => {
  const { start } = await bench(context)
  await start()
  const other = await start()
  expect(() => other.broker).toThrow(
    expect.objectContaining({ code: 'unavailable', message: expect.stringContaining(other.url) }),
  )
})

test('a leader that stops in good order hands over, clients go on, and each process says what it is', async (context) => {
  const { start } = await bench(context)
  const leader = await start()
  const standings: Standing[] = []
  const other = await start({ onStanding: (standing) => standings.push(standing) })
  await using client = connect(other.url, { WebSocket })
  await client.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await client.putSubscription(caller, { subscription: 'mail.thanks', topic, from: 'beginning' })
  const handled: string[] = []
  await using consumer = consume({
    broker: client,
    caller,
    subscription: 'mail.thanks',
    handle: async (delivery) => {
      handled.push(delivery.event.id)
      return { action: 'ack' }
    },
  })
  consumer.start()
  await client.publish(caller, { topic, events: [event('1')] })
  await until(() => handled.length === 1)
  await leader.stop()
  await until(() => other.standing.state === 'leads')
  await other.broker.publish(caller, { topic, events: [event('2')] })
  await until(() => handled.length === 2)
  expect(handled).toEqual(['1', '2'])
  expect(standings.at(-1)).toEqual({ state: 'leads' })
  await expect(fetch(`${other.url}/health/ready`)).resolves.toMatchObject({ status: 200 })
})

test('while the leader does not answer, a server that stands by lives, is not ready, and tells clients to come again', async (context) => {
  const { start } = await bench(context)
  // Nobody listens there: who leads is out of reach for the others.
  await start({ address: '127.0.0.1:1' })
  const other = await start()
  expect(other.standing).toEqual({ state: 'stands-by', leader: 'http://127.0.0.1:1' })
  expect((await fetch(`${other.url}/health/live`)).status).toBe(200)
  expect((await fetch(`${other.url}/health/ready`)).status).toBe(503)
  const answer = await fetch(`${other.url}/v1/default/topics/${topic}`, { method: 'PUT', body: '{"kind":"event"}' })
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('1')
  expect(await answer.json()).toMatchObject({ code: 'unavailable', retryable: true })
})

test('a server says that it lives though the leader stands still', async (context) => {
  const { start } = await bench(context)
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  context.onTestFinished(() => void silent.close())
  await start({ address: `127.0.0.1:${(silent.address() as AddressInfo).port}` })
  const other = await start()
  expect(other.standing.state).toBe('stands-by')
  expect(await (await fetch(`${other.url}/health/live`)).json()).toEqual({ status: 'live' })
})

test('a server that asks for tokens carries nothing to a leader that does not', async (context) => {
  const { start } = await bench(context)
  await start()
  const other = await start({ host: '0.0.0.0', address: '127.0.0.1:9', tokens: [{ token, principal: 'operator' }] })
  expect(other.standing).toEqual({ state: 'stands-by' })
  const answer = await fetch(`${other.url}/v1/default/topics`, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(/asks for tokens/) })
})

test('no server opens its port to other machines without tokens, whether it would lead or stand by', async (context) => {
  const { start } = await bench(context)
  await expect(start({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'unauthenticated' })
  await start()
  await expect(start({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'unauthenticated' })
})

test('the leader checks the tokens of those who come through another server', async (context) => {
  const { start } = await bench(context)
  const tokens = [{ token, principal: 'operator' }]
  await start({ tokens })
  const other = await start({ tokens })
  const topics = `${other.url}/v1/default/topics`
  expect((await fetch(topics)).status).toBe(401)
  expect((await fetch(topics, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
})

test(
  'connections that were handed over have deadlines: who sends no whole head is cut off',
  { timeout: 120_000 },
  async (context) => {
    const { start } = await bench(context)
    const limits = { headersMs: 300, requestMs: 500 }
    const urls = [await start({ limits }), await start({ limits })].map(({ url }) => url)
    const sockets = urls.flatMap((url) =>
      ['', 'GET /health'].map((sent) => {
        const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
        socket.on('error', () => undefined)
        socket.resume().write(sent)
        return socket
      }),
    )
    // Node looks every half minute.
    await Promise.all(sockets.map((socket) => once(socket, 'close')))
  },
)

test('a port that is taken is refused as such and leaves nothing open', async (context) => {
  const { start } = await bench(context)
  const { url } = await start()
  await expect(start({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'port-in-use' })
})

test('an address that other servers cannot call is refused', async (context) => {
  const { start } = await bench(context)
  for (const address of ['', 'http://a:1', 'a', 'a:1/b', 'a b:1'])
    await expect(start({ address })).rejects.toMatchObject({ code: 'bad-request' })
})
