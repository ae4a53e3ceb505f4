import { assert, assertEqual } from '../../engine/conformance/assert.ts'
import { event, eventually, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

export const streamCases: readonly BrokerCase[] = [
  {
    name: 'a stream is given no more than its credit',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(...['1', '2', '3'].map((id) => event(id, id)))
      const probe = await scene.stream()
      probe.stream.grant(2)
      await probe.received(2)
      await scene.publish(event('4', '4'))
      assertEqual(ids(await scene.pullNow()).sort(), ['3', '4'], 'the others are free for everybody')
      assertEqual(probe.ids(), ['1', '2'], 'the stream has two')
      await scene.ack(...probe.deliveries)
      await scene.publish(event('5', '5'))
      probe.stream.grant(1)
      await probe.received(3)
      assertEqual(probe.ids(), ['1', '2', '5'], 'and one more for one more credit')
      await probe.stream.close()
    },
  },
  {
    name: 'a stream tells how far everything is settled',
    async run(context) {
      const scene = await Scene.open(context)
      const probe = await scene.stream()
      probe.stream.grant(10)
      await scene.publish(event('1', 'a'), event('2', 'b'))
      await probe.received(2)
      await scene.ack(...probe.deliveries)
      const { head } = await context.broker.topic(context.caller, topic)
      await eventually(() => probe.floor === head, 'the floor is at the second event')
      await probe.stream.close()
    },
  },
  {
    name: 'a closed stream returns what it holds, unattempted, at once',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      const probe = await scene.stream()
      probe.stream.grant(1)
      await probe.received(1)
      await probe.stream.close()
      const [again] = await scene.pullNow()
      assertEqual([again?.event.id, again?.attempt], ['1', 1], 'it comes again as the first attempt')
    },
  },
  {
    name: 'a holder that comes back with its leases keeps them',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      const before = await scene.stream('worker-1')
      before.stream.grant(1)
      await before.received(1)
      const leases = before.deliveries.map(({ lease }) => lease)
      before.stream.abandon()
      const after = await scene.stream('worker-1', leases)
      assertEqual(after.stream.kept, leases, 'the leases are kept')
      await scene.ack(...before.deliveries)
      await after.stream.close()
    },
  },
  {
    name: 'what a lost holder had comes to others after the grace, the first alone, and innocents are not hurt',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(...['1', '2', '3'].map((id) => event(id, id)))
      const lost = await scene.stream('worker-lost')
      lost.stream.grant(3)
      await lost.received(3)
      lost.stream.abandon()
      const next = await scene.stream('worker-next')
      next.stream.grant(10)
      await next.received(1)
      assertEqual(next.deliveries.length, 1, 'the first suspect comes alone')
      for (let settled = 0; settled < 3;) {
        await next.received(settled + 1)
        const arrived = next.deliveries.slice(settled)
        settled += arrived.length
        assertEqual(
          arrived.every(({ attempt }) => attempt === 1),
          true,
          'the crash is not held against them',
        )
        await scene.ack(...arrived)
      }
      assertEqual((await scene.broker.stats(context.caller, subscription)).acknowledged, 3, 'all are settled')
      await next.stream.close()
    },
  },
  {
    name: 'after a crash of the broker a holder presents its leases and nothing is suspected',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(...['1', '2', '3'].map((id) => event(id, id)))
      const before = await scene.stream('worker-1')
      before.stream.grant(2)
      await before.received(2)
      scene.broker = await context.crash!()
      const leases = before.deliveries.map(({ lease }) => lease)
      const after = await scene.stream('worker-1', leases)
      assertEqual([...after.stream.kept].sort(), [...leases].sort(), 'the leases are kept')
      after.stream.grant(5)
      await after.received(1)
      assertEqual(
        after.deliveries.map(({ event: { id }, attempt }) => [id, attempt]),
        [['3', 1]],
        'the rest flows',
      )
      await scene.ack(...before.deliveries, ...after.deliveries)
      assertEqual((await scene.broker.stats(context.caller, subscription)).pending, 0, 'all is settled')
    },
  },
  {
    name: 'after a crash of the broker a pull lease is still good, and waited out otherwise',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      const [first] = await scene.pull(1)
      await scene.publish(event('2', 'b'))
      await scene.broker.pull(context.caller, { subscription, waitMs: 3_000, leaseMs: 1_000 })
      scene.broker = await context.crash!()
      assertEqual(ids(await scene.pull(1, 10_000)), ['2'], 'somebody else gets the one whose lease ends')
      assertEqual(await scene.settle(first!, { action: 'ack' }), 'settled', 'the other lease is good')
    },
  },
  {
    name: 'a message that kills the broker and its consumer every time ends as a dead letter',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('poison', 'a'), event('fine', 'b'))
      for (let life = 0; ; life++) {
        const probe = await scene.stream(`worker-${life}`)
        probe.stream.grant(1)
        const dead = async () =>
          (await scene.broker.deadLetters(context.caller, { subscription })).deadLetters.length > 0
        await eventually(async () => probe.deliveries.length > 0 || (await dead()), 'a delivery or a dead letter')
        const [delivery] = probe.deliveries
        if (delivery?.event.id === 'fine') await scene.ack(delivery)
        if (await dead()) break
        assert(life < 10, 'the poison ends within a few lives')
        scene.broker = await context.crash!()
      }
      const { deadLetters } = await scene.broker.deadLetters(context.caller, { subscription })
      assertEqual(
        deadLetters.map((letter) => letter.event.id),
        ['poison'],
        'only the poison is dead',
      )
    },
  },
]
