import { describe, expect, it } from 'vitest'
import { answerRange } from '../delivery/index.ts'
import type { Engine } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { TidingsError } from '../errors.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type Broker } from './index.ts'

const caller = { namespace: 'default', principal: 'shop' }
const tasks = 'crm.check'
const replies = 'shop.replies'
const subscription = 'crm.work'
const environment = simulatedEnvironment()
const task = { source: 'shop', type: tasks, extensions: { replyto: replies } }

/** Brokers over one store that remembers no identity for long, so that only the counters of the answers speak. */
function store() {
  const engine = memoryEngine({ environment, deduplication: { maxAgeMs: 1 } })
  return async (crash: Crash = 'never'): Promise<Broker> => {
    const broker = createBroker({ engine: crashing(engine, crash), authorize: allowAll, environment })
    await broker.start()
    return broker
  }
}

type Crash = 'never' | 'before the commit' | 'before the append' | 'after the append'

/** The process ends at this point of an answer's way: nothing that it does from then on reaches the store. */
function crashing(engine: Engine, crash: Crash): Engine {
  let gone = false
  const alive = async <Result>(run: () => Promise<Result>): Promise<Result> => {
    if (gone) throw new TidingsError('store-failed', 'The process is gone.')
    return run()
  }
  return {
    ...engine,
    ledger: {
      ...engine.ledger,
      own: (id, options) => alive(() => engine.ledger.own(id, options)),
      load: (id, range, limit) => alive(() => engine.ledger.load(id, range, limit)),
      commit: (ownership, changes) => {
        if (crash === 'before the commit' && changes.some(({ key }) => key.startsWith('a/'))) gone = true
        return alive(() => engine.ledger.commit(ownership, changes))
      },
    },
    log: {
      ...engine.log,
      read: (topic, options) => alive(() => engine.log.read(topic, options)),
      append: async (topic, requests) => {
        if (topic.topic === replies && crash === 'before the append') gone = true
        const answers = await alive(() => engine.log.append(topic, requests))
        if (topic.topic === replies && crash === 'after the append') gone = true
        return answers
      },
    },
  }
}

async function prepare(broker: Broker, count: number): Promise<void> {
  await broker.putTopic(caller, { topic: tasks, kind: 'task', owner: 'crm' })
  await broker.putTopic(caller, { topic: replies, kind: 'event', owner: 'shop', replies: true })
  await broker.putSubscription(caller, { subscription, topic: tasks, from: 'beginning' })
  const events = Array.from({ length: count }, (_, index) => ({ event: { ...task, id: `${index + 1}` } }))
  await broker.publish(caller, { topic: tasks, events })
}

async function work(broker: Broker): Promise<void> {
  const { deliveries } = await broker.pull(caller, { subscription, max: 100, leaseMs: 1_000 })
  const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
  await broker.settle(caller, { subscription, outcomes })
}

async function answered(broker: Broker): Promise<unknown[]> {
  const { events } = await broker.read(caller, { topic: replies })
  return events.map(({ event }) => event.extensions?.['causationid'])
}

describe('an answer', () => {
  it.each(['before the commit', 'before the append', 'after the append'] as const)(
    'is there once when the process ends %s, however long that was ago',
    async (crash) => {
      const open = store()
      const first = await open()
      await prepare(first, 3)
      await first.stop()
      const dying = await open(crash)
      await work(dying).catch(() => undefined)
      await environment.advance(3_600_000)
      const next = await open()
      // Whoever looks at the subscription brings the answers on their way.
      await next.stats(caller, subscription)
      await environment.advance(1)
      expect(await answered(next)).toEqual(crash === 'before the commit' ? [] : ['1', '2', '3'])
      // Only where the settle was lost with the process is there anything to do again, one suspect at a time.
      for (let turn = 0; turn < 3; turn++) await work(next)
      await environment.advance(10_000)
      expect(await answered(next)).toEqual(['1', '2', '3'])
      expect(await next.stats(caller, subscription)).toMatchObject({ acknowledged: 3, pending: 0 })
      await next.stop()
    },
  )

  it('is not told before its task is settled for good, also when others are told at that moment', async () => {
    const engine = memoryEngine({ environment })
    const hold = { append: new Promise<void>(() => undefined), letAppend: () => undefined as void, commits: false }
    hold.append = new Promise((resolve) => (hold.letAppend = resolve))
    const held: Engine = {
      ...engine,
      log: {
        ...engine.log,
        append: async (topic, requests) => {
          if (topic.topic === replies) await hold.append
          return engine.log.append(topic, requests)
        },
      },
      ledger: {
        ...engine.ledger,
        commit: (ownership, changes) =>
          hold.commits ? new Promise(() => undefined) : engine.ledger.commit(ownership, changes),
      },
    }
    const broker = createBroker({ engine: held, authorize: allowAll, environment })
    await broker.start()
    await prepare(broker, 2)
    const { deliveries } = await broker.pull(caller, { subscription, max: 2, leaseMs: 60_000 })
    const settle = (index: number): Promise<unknown> =>
      broker.settle(caller, { subscription, outcomes: [{ lease: deliveries[index]!.lease, action: 'ack' }] })
    void settle(0)
    await environment.advance(1)
    hold.commits = true
    void settle(1)
    await environment.advance(1)
    hold.letAppend()
    await environment.advance(1_000)
    expect(await answered(broker)).toEqual(['1'])
  })

  it('is not given again for a task that was acknowledged and is delivered again', async () => {
    const broker = await store()()
    await prepare(broker, 1)
    await work(broker)
    await broker.seek(caller, { subscription, to: 'beginning', effects: 'run' })
    await environment.advance(3_600_000)
    await work(broker)
    expect(await broker.stats(caller, subscription)).toMatchObject({ acknowledged: 1, generation: 2 })
    expect(await answered(broker)).toEqual(['1'])
    await broker.stop()
  })

  it('leaves no row behind that says it is owed once it is in its topic', async () => {
    const engine = memoryEngine({ environment })
    const broker = createBroker({ engine, authorize: allowAll, environment })
    await broker.start()
    await prepare(broker, 2)
    await work(broker)
    expect(await answered(broker)).toEqual(['1', '2'])
    await broker.stop()
    await engine.start()
    const ledger = { namespace: 'default', ledger: subscription, shard: 0 }
    expect(await engine.ledger.load(ledger, answerRange, 10)).toEqual([])
    await engine.stop()
  })

  it('waits for room in the store, while its task is settled for good, and then comes', async () => {
    const engine = memoryEngine({ environment })
    let full = true
    const append: Engine['log']['append'] = (topic, requests) =>
      full && topic.topic === replies
        ? Promise.reject(new TidingsError('store-full', 'There is no room.'))
        : engine.log.append(topic, requests)
    const filled = { ...engine, log: { ...engine.log, append } }
    const broker = createBroker({ engine: filled, authorize: allowAll, environment })
    await broker.start()
    await prepare(broker, 1)
    await work(broker)
    expect(await answered(broker)).toEqual([])
    expect(await broker.stats(caller, subscription)).toMatchObject({ acknowledged: 1 })
    full = false
    await environment.advance(1_000)
    expect(await answered(broker)).toEqual(['1'])
    await broker.stop()
  })
})
