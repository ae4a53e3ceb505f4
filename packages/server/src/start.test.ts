import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import type { Log } from 'tidings/engine'
import { memoryEngine } from 'tidings/engines/memory'
import { simulatedEnvironment } from 'tidings/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { createServer } from './server.ts'
import { startServer } from './start.ts'
import { serverVersion } from './version.ts'

const caller = { namespace: 'default', principal: 'operator' }
const order = { topic: 'shop.order', kind: 'event', owner: 'shop' } as const
let path = ''
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'tidings-server-'))
})
afterEach(() => rm(path, { recursive: true }))

describe('startServer()', () => {
  it('serves what an earlier server stored', async () => {
    await using first = await startServer({ path, port: 0 })
    await using before = connect(first.url)
    await before.putTopic(caller, order)
    await before.publish(caller, {
      topic: 'shop.order',
      events: [{ event: { id: '1', source: '/s', type: 'shop.order' } }],
    })
    await first.stop()
    await using second = await startServer({ path, port: 0 })
    await using after = connect(second.url)
    expect((await after.read(caller, { topic: 'shop.order' })).events).toMatchObject([{ event: { id: '1' } }])
  })

  it('lets services do what is theirs and operators everything', async () => {
    await using server = await startServer({ engine: 'memory', port: 0 })
    await using remote = connect(server.url)
    await expect(remote.putTopic({ ...caller, principal: 'mail' }, order)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(remote.putTopic(caller, order)).resolves.toMatchObject({ topic: 'shop.order' })
  })

  it('writes into its log what the broker reports', async () => {
    const environment = simulatedEnvironment()
    const lines: string[] = []
    const nothing = (): void => undefined
    const levels = { fatal: nothing, error: nothing, info: nothing, debug: nothing, trace: nothing, silent: nothing }
    const warn = (_: unknown, line?: unknown): void => void lines.push(String(line))
    const logger = { ...levels, level: 'warn', warn, child: () => logger }
    const server = await startServer({ engine: 'memory', port: 0, environment, logger })
    const { broker } = server
    await broker.putTopic(caller, { ...order, retention: { maxAgeMs: 1_000 } })
    await broker.putSubscription(caller, { subscription: 'mail.slow', topic: order.topic, from: 'end' })
    await broker.publish(caller, { topic: order.topic, events: [{ event: { id: '1', source: '/s', type: 'order' } }] })
    await environment.advance(61_000)
    expect(lines).toContainEqual(expect.stringMatching(/^Subscription mail\.slow holds 1 events of topic shop\.order/))
    const stopped = server.stop()
    await environment.advance(20_000)
    await stopped
  })

  it('says who has the port and what to do, and lets go of the store', async () => {
    await using first = await startServer({ engine: 'memory', port: 0 })
    const port = Number(new URL(first.url).port)
    const failed = startServer({ path, port })
    await expect(failed).rejects.toMatchObject({ code: 'port-in-use', details: { port } })
    await expect(failed).rejects.toThrow(/stop that one or choose another port/)
    await expect((await fetch(`${first.url}/health/ready`)).json()).resolves.toEqual({ status: 'ready' })
    await using again = await startServer({ path, port: 0 })
    expect(again.url).not.toBe(first.url)
  })

  it('refuses a folder that another server has', async () => {
    await using first = await startServer({ path, port: 0 })
    await using remote = connect(first.url)
    await remote.putTopic(caller, order)
    await expect(startServer({ path, port: 0 })).rejects.toMatchObject({
      code: 'store-locked',
      message: expect.stringMatching(/in use by .*; stop it, or choose another path/),
    })
    expect(await remote.topics(caller)).toMatchObject([{ topic: order.topic }])
  })

  it('touches no store when its address is refused', async () => {
    await expect(startServer({ path: '/proc/nowhere', host: '0.0.0.0' })).rejects.toThrow(/without tokens/)
  })

  it('is ready while it serves, and a stop ends the waiting of consumers and can be repeated', async () => {
    const server = await startServer({ engine: 'memory', port: 0 })
    await using remote = connect(server.url)
    await remote.putTopic(caller, order)
    await remote.putSubscription(caller, { subscription: 'mail.all', topic: 'shop.order', from: 'end' })
    for (const path of ['live', 'ready']) expect((await fetch(`${server.url}/health/${path}`)).status).toBe(200)
    const waiting = remote.pull(caller, { subscription: 'mail.all', waitMs: 60_000 })
    while ((await server.broker.stats(caller, 'mail.all')).consumers === 0) await new Promise(setImmediate)
    await server.stop()
    await server.stop()
    expect(await waiting).toMatchObject({ deliveries: [] })
    await expect(fetch(`${server.url}/health/live`)).rejects.toThrow('fetch failed')
  })

  it('answers what was asked before it stopped, and is durable about it', async () => {
    const store = memoryEngine()
    let asked: () => void = () => undefined
    let write: () => void = () => undefined
    const reached = new Promise<void>((resolve) => (asked = resolve))
    const written = new Promise<void>((resolve) => (write = resolve))
    const append: Log['append'] = async (topic, requests) => {
      asked()
      await written
      return store.log.append(topic, requests)
    }
    const engine = { ...store, log: { ...store.log, append } }
    const broker = createBroker({ engine, authorize: allowAll })
    await broker.start()
    const server = createServer({ broker, port: 0 })
    await server.start()
    await broker.putTopic(caller, order)
    const publishing = fetch(`${server.url}/v1/default/topics/shop.order/events?id=1`, { method: 'POST', body: '1' })
    await reached
    const stopping = server.stop()
    write()
    expect(await (await publishing).json()).toMatchObject({ status: 'stored', id: '1' })
    await stopping
    expect((await broker.read(caller, { topic: 'shop.order' })).events).toHaveLength(1)
    await broker.stop()
  })

  it('tells the version of its package', () => {
    expect(serverVersion).toBe(manifest.version)
  })
})
