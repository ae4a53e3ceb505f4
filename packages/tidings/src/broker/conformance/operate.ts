import { assert, assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { systemEnvironment } from '../../environment/index.ts'
import { event, eventually, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

export const operateCases: readonly BrokerCase[] = [
  {
    name: 'seek() to the beginning delivers again; only what was acknowledged is a replay',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'b'), event('3', 'c'))
      const [first, second] = await scene.pull(2)
      await scene.ack(first!)
      await scene.broker.seek(context.caller, { subscription, to: 'beginning', effects: 'skip' })
      assertEqual(await scene.settle(second!, { action: 'ack' }), 'lease-lost', 'leases of before are fenced')
      const again = await scene.pull(3)
      assertEqual(ids(again).sort(), ['1', '2', '3'], 'everything comes again')
      assert(
        again.every(({ generation }) => generation === 2),
        'in a new generation',
      )
      assertEqual(ids(again.filter(({ replay }) => replay === 'skip')), [first!.event.id], 'one is a replay')
    },
  },
  {
    name: 'seek() leaves other subscriptions alone and drops dead letters that come again',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.broker.putSubscription(context.caller, { subscription: 'audit.all', topic, from: 'beginning' })
      await scene.publish(event('1', 'a'))
      await scene.kill('1')
      await scene.broker.seek(context.caller, { subscription, to: 'beginning' })
      assertEqual(
        (await scene.broker.deadLetters(context.caller, { subscription })).deadLetters,
        [],
        'no dead letter is left',
      )
      const [again] = await scene.pull(1)
      assertEqual(
        [again?.event.id, again?.replay, again?.attempt],
        ['1', undefined, 1],
        'what was dead is simply delivered',
      )
      assertEqual(
        (await scene.broker.subscription(context.caller, 'audit.all')).generation,
        1,
        'the other subscription',
      )
    },
  },
  {
    name: 'seek() goes on after a position or at the end, and each replay says what is to be done with it',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'b'), event('3', 'c'))
      const deliveries = await scene.pull(3)
      await scene.ack(...deliveries)
      const after = deliveries.find((delivery) => delivery.event.id === '1')!.position
      for (const effects of ['run', 'missing', 'skip'] as const) {
        await scene.broker.seek(context.caller, { subscription, to: after, effects })
        const again = await scene.pullNow()
        assertEqual(ids(again).sort(), ['2', '3'], 'what lies behind the position')
        assertEqual(new Set(again.map(({ replay }) => replay)).size, 1, 'all of them alike')
        assertEqual(again[0]?.replay, effects, 'as the operator chose')
        await scene.ack(...again)
      }
      await scene.broker.seek(context.caller, { subscription, to: 'end', effects: 'run' })
      assertEqual(await scene.pullNow(), [], 'nothing lies behind the end')
    },
  },
  {
    name: 'read() pages through a topic from a position, whatever its subscriptions do',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(...['1', '2', '3', '4', '5'].map((id) => event(id, id)))
      const found: string[] = []
      const sizes: number[] = []
      for (let after: string | undefined, more = true; more && sizes.length < 5;) {
        const page = await scene.broker.read(context.caller, { topic, limit: 2, ...(after !== undefined && { after }) })
        found.push(...page.events.map((each) => each.event.id))
        sizes.push(page.events.length)
        more = page.until !== page.head
        after = page.until
      }
      assertEqual(
        [found, sizes],
        [
          ['1', '2', '3', '4', '5'],
          [2, 2, 1],
        ],
        'each event once, in order',
      )
      const { events } = await scene.broker.read(context.caller, { topic, after: 'end' })
      assertEqual(events, [], 'nothing lies behind the end')
      assertEqual((await scene.pull(5)).length, 5, 'reading takes nothing from anybody')
    },
  },
  {
    name: 'seek() refuses positions of another life and beyond the end',
    async run(context) {
      const scene = await Scene.open(context)
      const seek = (to: string) => scene.broker.seek(context.caller, { subscription, to })
      await assertRejects(seek('elsewhere.1'), 'position-unknown', 'another life')
      const { head } = await scene.broker.topic(context.caller, topic)
      await assertRejects(seek(`${head.split('.')[0]}.99`), 'position-unknown', 'beyond the end')
      await assertRejects(seek('yesterday'), 'bad-request', 'no position at all')
    },
  },
  {
    name: 'explain() says where an event stands',
    async run(context) {
      const scene = await Scene.open(context, { filter: { types: [topic] } })
      await scene.publish(
        event('1', 'a'),
        event('2', 'a'),
        event('3', 'b', { type: 'other' }),
        event('4', 'c'),
        event('5', 'd'),
      )
      const [first] = await scene.pull(1)
      const [fourth] = await scene.pull(1)
      await scene.settle(fourth!, { action: 'wait', reason: 'c1 is missing' })
      const state = async (id: string) =>
        (await scene.broker.explain(context.caller, { subscription, event: { source: '/shop', id } })).state
      assertEqual(
        await Promise.all(['1', '2', '3', '4', '5'].map(state)),
        ['leased', 'behind', 'filtered', 'waiting', 'ready'],
        'the states',
      )
      await scene.settle(first!, { action: 'dead-letter', reason: 'no use' })
      assertEqual(await Promise.all(['1', '2'].map(state)), ['dead', 'parked'], 'after its death')
      await assertRejects(
        scene.broker.explain(context.caller, { subscription, event: { source: '/shop', id: 'unheard' } }),
        'position-unknown',
        'an event that was never published',
      )
    },
  },
  {
    name: 'explain() says who has an event until when, what another waits for, when it is tried again, why it died',
    async run(context) {
      const later = { quickDelaysMs: [], minDelayMs: 3_600_000, maxDelayMs: 3_600_000, maxAttempts: 9 }
      const scene = await Scene.open(context, { policy: { retry: later } })
      const due = systemEnvironment.clock.now() + 7_200_000
      const scheduled = event('5', 'e', { extensions: { deliverat: new Date(due).toISOString() } })
      await scene.publish(event('1', 'a'), event('2', 'b'), event('3', 'b'), event('4', 'c'), scheduled)
      const explain = async (id: string): Promise<Record<string, unknown>> => ({
        ...(await scene.broker.explain(context.caller, { subscription, event: { source: '/shop', id } })),
      })
      const stream = await scene.stream('worker-7')
      stream.stream.grant(3)
      await stream.received(3)
      // Whoever polls has each pull as a holder of its own.
      const held = await explain('1')
      assertEqual(/^(worker-7|pull-\d+)$/.test(String(held['holder'])), true, 'who has it')
      assertEqual(held['attempt'], 1, 'which attempt')
      stream.stream.grant(1)
      const { lease } = stream.deliveries.find(({ event: { id } }) => id === '1')!
      await scene.broker.settle(context.caller, {
        subscription,
        outcomes: [{ lease, action: 'retry', reason: 'busy' }],
      })
      const retrying = await explain('1')
      assertEqual([retrying['state'], retrying['reason'], retrying['attempts']], ['retrying', 'busy', 1], 'a retry')
      assertEqual(Number(retrying['at']) > due - 4_000_000, true, 'when it is tried again')
      await scene.publish(event('6', 'a'))
      const behind = await explain('6')
      assertEqual(
        [behind['state'], behind['key'], behind['head']],
        ['behind', 'a', retrying['position']],
        'behind what',
      )
      const other = stream.deliveries.find(({ event: { id } }) => id === '2')!
      const died = { lease: other.lease, action: 'dead-letter' as const, reason: 'no use' }
      await scene.broker.settle(context.caller, { subscription, outcomes: [died] })
      const dead = await explain('2')
      assertEqual([dead['state'], dead['reason'], dead['attempts']], ['dead', 'no use', 1], 'why it died')
      await eventually(async () => (await explain('3'))['state'] === 'parked', 'the next one of its key is parked')
      const parked = await explain('3')
      assertEqual([parked['key'], parked['deadLetter']], ['b', dead['position']], 'behind which dead letter')
      assertEqual((await explain('5'))['at'], due, 'when it is due')
      stream.stream.abandon()
      const pull = { subscription, waitMs: 5_000, leaseMs: 600_000 }
      const [pulled] = (await scene.broker.pull(context.caller, pull)).deliveries
      const leased = await explain(pulled!.event.id)
      assertEqual(
        [leased['state'], leased['attempt']],
        ['leased', pulled!.attempt],
        'which attempt of one that may have ended its consumer',
      )
      assertEqual(Number(leased['until']) > systemEnvironment.clock.now(), true, 'until when')
    },
  },
  {
    name: 'the highest watermark of a consumer is kept',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'b'))
      const [first, second] = await scene.pull(2)
      const settle = (lease: string, watermark: number) =>
        scene.broker.settle(context.caller, { subscription, outcomes: [{ lease, action: 'ack' }], watermark })
      await settle(first!.lease, 7)
      await settle(second!.lease, 5)
      assertEqual((await scene.broker.subscription(context.caller, subscription)).watermark, 7, 'the watermark')
    },
  },
  {
    name: 'progress survives a crash: what was acknowledged does not come again, nothing else is lost',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(...Array.from({ length: 20 }, (_, index) => event(String(index), `k${index}`)))
      const deliveries = await scene.pull(20)
      const even = deliveries.filter((_, index) => index % 2 === 0)
      await scene.ack(...even)
      const { floor, acknowledged } = await scene.broker.stats(context.caller, subscription)
      scene.broker = await context.crash!()
      const after = await scene.broker.stats(context.caller, subscription)
      assertEqual([after.floor, after.acknowledged, after.pending], [floor, acknowledged, 10], 'the figures')
      for (const delivery of deliveries.filter((_, index) => index % 2 === 1)) await scene.ack(delivery)
      await eventually(
        async () => (await scene.broker.stats(context.caller, subscription)).pending === 0,
        'all is settled',
      )
      assertEqual(ids(await scene.pullNow()), [], 'nothing comes again')
    },
  },
  {
    name: 'one service name with another database is refused until an operator says that it replaces the first',
    async run({ broker, caller }) {
      const register = (database: string, replace?: true) =>
        broker.registerService(caller, { service: 'shop', database, ...(replace ? { replace } : {}) })
      await register('first')
      await register('first')
      await assertRejects(register('second'), 'service-conflict', 'another database')
      await register('second', true)
      await assertRejects(register('first'), 'service-conflict', 'the replaced one')
    },
  },
  {
    name: 'topics and subscriptions are listed, and removed ones are not',
    async run(context) {
      const scene = await Scene.open(context)
      assertEqual(
        (await scene.broker.topics(context.caller)).map((each) => each.topic),
        [topic],
        'topics',
      )
      assertEqual(
        (await scene.broker.subscriptions(context.caller)).map((each) => each.subscription),
        [subscription],
        'subscriptions',
      )
      await scene.broker.removeSubscription(context.caller, subscription)
      assertEqual(await scene.broker.subscriptions(context.caller), [], 'no subscription')
      await scene.subscribe({ from: 'end' })
      const { generation, floor } = await scene.broker.subscription(context.caller, subscription)
      assert(generation === 1 && floor.endsWith('.0'), 'a new one of the name knows nothing of the old')
    },
  },
]
