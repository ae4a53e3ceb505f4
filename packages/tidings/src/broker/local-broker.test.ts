import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Engine } from '../engine/index.ts'
import { embeddedEngine } from '../engines/embedded/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { brokerConformance, runBrokerCase } from './conformance/index.ts'
import { checkCompatibility, compileSchema } from './schemas.fixture.ts'
import { simpleDue } from './due-times.fixture.ts'
import { allowAll, createBroker, ownersOnly } from './index.ts'

const caller = { namespace: 'default', principal: 'tester' }

interface Subject {
  readonly engine: Engine
  dispose(): Promise<void>
}

const subjects: Record<string, () => Promise<Subject>> = {
  'memory engine': async () => ({ engine: memoryEngine(), dispose: async () => undefined }),
  'memory engine with 4 shards': async () => ({
    engine: withShards(memoryEngine(), 4),
    dispose: async () => undefined,
  }),
  'embedded engine': async () => {
    const path = await mkdtemp(join(tmpdir(), 'tidings-broker-'))
    return { engine: embeddedEngine({ path }), dispose: () => rm(path, { recursive: true }) }
  },
}

describe.each(Object.entries(subjects))('local broker over the %s', (_, open) => {
  for (const brokerCase of brokerConformance) {
    it.concurrent(brokerCase.name, async () => {
      const { engine, dispose } = await open()
      const options = {
        engine,
        authorize: allowAll,
        nextDue: simpleDue,
        checkCompatibility,
        compileSchema,
        retentionEveryMs: 20,
      }
      let broker = createBroker(options)
      await broker.start()
      const crash = async () => {
        // The old broker is simply left behind: the new one owns the ledgers from here on.
        broker = createBroker(options)
        await broker.start()
        return broker
      }
      const skipped = await runBrokerCase(brokerCase, { broker, caller, crash })
      expect(skipped).toBeUndefined()
      await broker.stop()
      await dispose()
    })
  }
})

describe('local broker', () => {
  it('denies what the authorizer does not allow', async () => {
    const broker = createBroker({ engine: memoryEngine(), authorize: ownersOnly({ operators: ['root'] }) })
    await broker.start()
    const as = (principal: string) => ({ namespace: 'default', principal })
    await broker.putTopic(as('shop'), { topic: 'shop.order', kind: 'event', owner: 'shop' })
    const events = [{ event: { id: '1', source: '/x', type: 'shop.order' } }]
    await expect(broker.publish(as('mail'), { topic: 'shop.order', events })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(broker.publish(as('shop'), { topic: 'shop.order', events })).resolves.toMatchObject([
      { status: 'stored' },
    ])
    const definition = { subscription: 'mail.thanks', topic: 'shop.order', from: 'end' } as const
    await expect(broker.putSubscription(as('shop'), definition)).rejects.toMatchObject({ code: 'forbidden' })
    await broker.putSubscription(as('mail'), definition)
    await expect(broker.pull(as('shop'), { subscription: 'mail.thanks' })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(broker.redrive(as('mail'), { subscription: 'mail.thanks', positions: 'all' })).resolves.toEqual([])
    await expect(broker.removeTopic(as('mail'), 'shop.order')).rejects.toMatchObject({ code: 'forbidden' })
    await broker.removeTopic(as('root'), 'shop.order')
    await broker.stop()
  })

  it('answers calls before start() and after stop() as stopped', async () => {
    const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
    await expect(broker.topics(caller)).rejects.toMatchObject({ code: 'stopped' })
    await broker.start()
    await broker.stop()
    await broker.stop()
    await expect(broker.topics(caller)).rejects.toMatchObject({ code: 'stopped' })
  })

  it('leaves a shard to the server that took it over: the one before changes nothing and closes its streams', async () => {
    const engine = memoryEngine()
    const before = createBroker({ engine, authorize: allowAll })
    await before.start()
    await before.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
    await before.putSubscription(caller, { subscription: 'mail.thanks', topic: 'shop.order', from: 'beginning' })
    const event = { id: '1', source: '/x', type: 'shop.order', key: 'a' }
    await before.publish(caller, { topic: 'shop.order', events: [{ event }] })
    const pull = { subscription: 'mail.thanks', max: 1, waitMs: 1_000 }
    const { deliveries } = await before.pull(caller, pull)
    const closed = new Promise<Error>((resolve) => {
      const stream = { subscription: 'mail.thanks', holder: 'h', onDeliveries: () => undefined, onClosed: resolve }
      void before.stream(caller, stream).then(({ grant }) => grant(1))
    })
    const ack = { subscription: 'mail.thanks', outcomes: [{ lease: deliveries[0]!.lease, action: 'ack' as const }] }

    const after = createBroker({ engine, authorize: allowAll })
    await after.start()
    expect((await after.stats(caller, 'mail.thanks')).leased).toBe(1)
    await expect(before.settle(caller, ack)).rejects.toMatchObject({ code: 'ownership-lost' })
    expect(await closed).toMatchObject({ code: 'ownership-lost' })
    expect((await after.stats(caller, 'mail.thanks')).acknowledged).toBe(0)
    expect(await after.settle(caller, ack)).toMatchObject([{ status: 'settled' }])
    await after.stop()
  })
})

function withShards(engine: Engine, defaultShards: number): Engine {
  const capabilities = { ...engine.capabilities, defaultShards }
  return new Proxy(engine, {
    get: (target, name) => (name === 'capabilities' ? capabilities : bound(target, name)),
  })
}

function bound(target: Engine, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name)
  return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
}
