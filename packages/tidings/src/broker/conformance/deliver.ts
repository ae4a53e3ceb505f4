import { assert, assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { consume, event, eventually, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

export const deliverCases: readonly BrokerCase[] = [
  {
    name: 'every subscription gets every event',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.broker.putSubscription(context.caller, { subscription: 'audit.all', topic, from: 'beginning' })
      await scene.publish(event('1', 'a'), event('2', 'b'))
      assertEqual(ids(await scene.pull(2)).sort(), ['1', '2'], 'the first subscription')
      assertEqual(ids(await consume(scene, 'audit.all', 2)).sort(), ['1', '2'], 'the second subscription')
    },
  },
  {
    name: 'a subscription from the end, from the beginning and from a position starts there',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1'), event('2'))
      const { events } = await scene.broker.read(context.caller, { topic })
      const starts = { 'x.beginning': 'beginning', 'x.end': 'end', 'x.after': events[0]!.position }
      for (const [name, from] of Object.entries(starts)) {
        await scene.broker.putSubscription(context.caller, { subscription: name, topic, from })
      }
      await scene.publish(event('3'))
      for (const [name, expected] of Object.entries({
        'x.beginning': ['1', '2', '3'],
        'x.end': ['3'],
        'x.after': ['2', '3'],
      })) {
        assertEqual(ids(await consume(scene, name, expected.length)).sort(), expected, name)
      }
    },
  },
  {
    name: 'a filter by type passes what does not match, and the floor moves past it',
    async run(context) {
      const scene = await Scene.open(context, { filter: { types: ['wanted'] } })
      await scene.publish(
        event('1', 'a', { type: 'other' }),
        event('2', 'a', { type: 'wanted' }),
        event('3', 'a', { type: 'other' }),
      )
      const deliveries = await scene.pullNow()
      assertEqual(ids(deliveries), ['2'], 'only the wanted type')
      await scene.ack(...deliveries)
      await eventually(async () => {
        const { floor, head } = await scene.broker.stats(context.caller, subscription)
        return floor === head
      }, 'the floor is at the end')
    },
  },
  {
    name: 'what is acknowledged does not come again; what is not comes after its lease',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'b'))
      const { deliveries } = await scene.broker.pull(context.caller, {
        subscription,
        max: 2,
        waitMs: 1_000,
        leaseMs: 1_000,
      })
      const [kept, lost] = deliveries
      await scene.ack(kept!)
      const again = await scene.pull(1)
      assertEqual(ids(again), [lost!.event.id], 'the one that was not settled')
      assertEqual(await scene.settle(lost!, { action: 'ack' }), 'lease-lost', 'the late ack changes nothing')
      assertEqual(await scene.settle(again[0]!, { action: 'ack' }), 'settled', 'the present holder settles')
    },
  },
  {
    name: 'renew() keeps a lease beyond its time',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      const { deliveries } = await scene.broker.pull(context.caller, { subscription, waitMs: 1_000, leaseMs: 1_000 })
      const [renewed] = await scene.broker.renew(context.caller, {
        subscription,
        leases: [deliveries[0]!.lease],
        leaseMs: 60_000,
      })
      assertEqual(renewed?.status, 'settled', 'the renewal')
      assertEqual(ids(await scene.pull(1, 2_000)), [], 'nobody else gets it')
      assertEqual(await scene.settle(deliveries[0]!, { action: 'ack' }), 'settled', 'its holder still has it')
    },
  },
  {
    name: 'a key has one holder at a time, and a holder may get a run of it',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'), event('3', 'b'))
      const first = await scene.pull(1)
      assertEqual(ids(first), ['1'], 'the head of a')
      assertEqual(ids(await scene.pullNow()), ['3'], 'others get other keys only')
      await scene.ack(...first)
      const second = await scene.pullNow()
      assertEqual(ids(second), ['2'], 'the next of a, once the first is settled')
      await scene.ack(...second)
      await scene.publish(event('4', 'a'), event('5', 'a'))
      assertEqual(ids(await scene.pullNow()), ['4', '5'], 'one pull gets the run')
    },
  },
  {
    name: 'an ack out of order is refused and changes nothing',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'))
      const run = await scene.pull(2)
      assertEqual(await scene.settle(run[1]!, { action: 'ack' }), 'lease-out-of-order', 'the second before the first')
      await scene.ack(...run)
    },
  },
  {
    name: 'a retry inside a run returns the rest unattempted',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'))
      const run = await scene.pull(2)
      await scene.settle(run[0]!, { action: 'retry', reason: 'not yet' })
      assertEqual(await scene.settle(run[1]!, { action: 'ack' }), 'lease-lost', 'the rest of the run was taken back')
      const again = await scene.pull(2)
      assertEqual(
        again.map(({ event: { id }, attempt }) => [id, attempt]),
        [
          ['1', 2],
          ['2', 1],
        ],
        'in order, counted once',
      )
    },
  },
  {
    name: 'release hands a delivery back without counting an attempt',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      const [delivery] = await scene.pull(1)
      await scene.settle(delivery!, { action: 'release' })
      const [again] = await scene.pull(1)
      assertEqual([again?.event.id, again?.attempt], ['1', 1], 'the first attempt once more')
    },
  },
  {
    name: 'wait holds the key without counting an attempt, until it is woken',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'), event('3', 'b'))
      const [delivery] = await scene.pull(1)
      await scene.settle(delivery!, { action: 'wait', reason: 'customer c1 is not here yet', afterMs: 60_000 })
      assertEqual(ids(await scene.pullNow()), ['3'], 'other keys go on')
      const woken = await scene.broker.wake(context.caller, { subscription, positions: [delivery!.position] })
      assertEqual(woken, 1, 'one was waiting')
      const again = await scene.pull(2)
      assertEqual(
        again.map(({ event: { id }, attempt }) => [id, attempt]),
        [
          ['1', 1],
          ['2', 1],
        ],
        'in order, uncounted',
      )
    },
  },
  {
    name: 'every answer to a pull tells how far everything is settled, and in which generation',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      await scene.ack(...(await scene.pull(1)))
      const { head } = await scene.broker.topic(context.caller, topic)
      const told = async (): Promise<string> => {
        const { floor, generation } = await scene.broker.pull(context.caller, { subscription })
        return `${floor} of ${generation}`
      }
      await eventually(async () => (await told()) === `${head} of 1`, 'the floor is at the end')
      await scene.broker.seek(context.caller, { subscription, to: 'end' })
      await eventually(async () => (await told()) === `${head} of 2`, 'it is another generation')
    },
  },
  {
    name: 'pull() waits for an event that is published meanwhile',
    async run(context) {
      const scene = await Scene.open(context)
      const waiting = scene.broker.pull(context.caller, { subscription, max: 5, waitMs: 30_000 })
      await scene.publish(event('1', 'a'))
      assertEqual(ids((await waiting).deliveries), ['1'], 'the waiting pull gets it')
    },
  },
  {
    name: 'settle() refuses a lease twice in one batch and nonsense, and changes nothing',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      const [delivery] = await scene.pull(1)
      const ack = { lease: delivery!.lease, action: 'ack' } as const
      await assertRejects(
        scene.broker.settle(context.caller, { subscription, outcomes: [ack, ack] }),
        'bad-request',
        'twice',
      )
      assertEqual(
        await scene.settle({ ...delivery!, lease: 'nonsense' }, { action: 'ack' }),
        'lease-lost',
        'no lease at all',
      )
      const { pending } = await scene.broker.stats(context.caller, subscription)
      assertEqual(pending, 1, 'it is still to be settled')
      await scene.ack(delivery!)
    },
  },
  {
    name: 'pull() refuses a max, wait or lease that is negative, huge or no number',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      for (const wrong of [
        { max: 0 },
        { max: 1e9 },
        { max: NaN },
        { waitMs: -1 },
        { waitMs: 1e9 },
        { leaseMs: 1 },
        { leaseMs: Infinity },
      ]) {
        const refused = scene.broker.pull(context.caller, { subscription, ...wrong })
        await assertRejects(refused, 'bad-request', `pull with ${JSON.stringify(wrong)}`)
      }
      assertEqual(ids(await scene.pull(1)), ['1'], 'nothing was lost')
    },
  },
  {
    name: 'the law of conservation holds in every state',
    async run(context) {
      const scene = await Scene.open(context, { filter: { types: [topic] } })
      await scene.publish(
        event('1', 'a'),
        event('2', 'b'),
        event('3', 'c', { type: 'other' }),
        event('4', 'd'),
        event('5', 'a'),
      )
      const [first, second] = await scene.pull(3)
      await scene.ack(first!)
      await scene.settle(second!, { action: 'dead-letter', reason: 'no use' })
      const stats = await scene.broker.stats(context.caller, subscription)
      const { acknowledged, filtered, superseded, skipped, dead, pending } = stats
      assertEqual([acknowledged, filtered, superseded, skipped, dead, pending], [1, 1, 0, 0, 1, 2], 'the counts')
      assert(
        stats.ready + stats.leased + stats.retrying + stats.waiting + stats.parked === pending,
        'pending is made of its parts',
      )
    },
  },
]
