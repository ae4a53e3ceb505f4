import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { systemEnvironment } from '../../environment/index.ts'
import { event, eventually, ids, Scene, subscription, type BrokerCase } from './case.ts'

/** How much is handed out, when, and in which order. */
export const flowCases: readonly BrokerCase[] = [
  {
    name: 'pause() hands out nothing, new events and retries neither; what is leased may be settled; resume() goes on',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'b'))
      const leased = await scene.pull(2)
      const worker = await scene.stream()
      worker.stream.grant(10)
      const paused = await scene.broker.pause(context.caller, subscription)
      assertEqual(paused.paused?.by, context.caller.principal, 'who paused it')
      await scene.publish(event('3', 'c'))
      assertEqual(await scene.settle(leased[0]!, { action: 'ack' }), 'settled', 'a lease of before')
      assertEqual(await scene.settle(leased[1]!, { action: 'retry', reason: 'busy' }), 'settled', 'a failure of before')
      assertEqual([ids(await scene.pullNow()), worker.ids()], [[], []], 'nothing is handed out')
      const again = await scene.broker.pause(context.caller, subscription)
      assertEqual(again.paused, paused.paused, 'pausing twice is pausing once')
      const resumed = await scene.broker.resume(context.caller, subscription)
      assertEqual(resumed.paused, undefined, 'the description')
      await worker.received(2)
      assertEqual(
        worker.ids().sort(),
        [leased[1]!.event.id, '3'].sort(),
        'everything that waited comes, and comes once',
      )
    },
  },
  {
    name: 'stats() and explain() say that a subscription is paused, and by whom; changing its policy does not end it',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      await scene.broker.pause(context.caller, subscription)
      await scene.subscribe({ policy: { onDeadLetter: 'continue' } })
      assertEqual(await scene.pullNow(), [], 'nothing is handed out')
      const { paused } = await scene.broker.stats(context.caller, subscription)
      assertEqual(paused?.by, context.caller.principal, 'stats() names the operator')
      const where = () =>
        scene.broker.explain(context.caller, { subscription, event: { source: '/shop', id: '1' } }) as Promise<{
          state: string
          heldBack?: string
        }>
      assertEqual([(await where()).state, (await where()).heldBack], ['ready', 'paused'], 'explain() says why')
      await scene.broker.resume(context.caller, subscription)
      assertEqual((await where()).heldBack, undefined, 'explain() after the pause')
      assertEqual((await scene.broker.stats(context.caller, subscription)).paused, undefined, 'stats() after the pause')
      assertEqual(ids(await scene.pull(1)), ['1'], 'the event')
    },
  },
  {
    name: 'a pause outlives the broker, and so does its end',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      const { paused } = await scene.broker.pause(context.caller, subscription)
      scene.broker = await context.crash!()
      assertEqual(await scene.pullNow(), [], 'nothing is handed out after the crash')
      assertEqual((await scene.broker.stats(context.caller, subscription)).paused, paused, 'who paused it, and when')
      await scene.broker.resume(context.caller, subscription)
      scene.broker = await context.crash!()
      assertEqual(ids(await scene.pull(1)), ['1'], 'it goes on after another crash')
    },
  },
  {
    name: '`maxInFlight` limits what is leased over all consumers, pulls and streams; a settle makes room for another',
    async run(context) {
      const scene = await Scene.open(context, { policy: { maxInFlight: 3 } })
      await scene.publish(...Array.from({ length: 20 }, (_, index) => event(String(index), `k${index}`)))
      const [pulled] = await scene.pull(1)
      const workers = [await scene.stream('worker-1'), await scene.stream('worker-2')]
      for (const { stream } of workers) stream.grant(20)
      const received = () => workers.flatMap(({ deliveries }) => deliveries)
      await eventually(() => received().length === 2, 'two deliveries beside the pulled one')
      assertEqual(ids(await scene.pullNow()), [], 'a fourth')
      assertEqual((await scene.broker.stats(context.caller, subscription)).leased, 3, 'leased')
      await scene.ack(pulled!)
      await eventually(() => received().length === 3, 'one more after a settle')
      const done = new Set<string>()
      for (let settled = 0; settled < 19; settled++) {
        await eventually(() => received().length > settled, `delivery ${settled} over the streams`)
        const { leased } = await scene.broker.stats(context.caller, subscription)
        if (leased > 3) throw new Error(`Required: never more than three are leased; it was ${leased}.`)
        const next = received().find(({ lease }) => !done.has(lease))!
        done.add(next.lease)
        await scene.ack(next)
      }
      assertEqual(new Set(ids(received())).size, 19, 'each comes once')
    },
  },
  {
    name: '`rate` lets a burst through at once and no more before its time; explain() says what holds an event back',
    async run(context) {
      const scene = await Scene.open(context, { policy: { rate: { perSecond: 0.001, burst: 2 } } })
      await scene.publish(event('1', 'a'), event('2', 'b'), event('3', 'c'))
      const burst = await scene.pullNow()
      assertEqual(burst.length, 2, 'the burst')
      await scene.ack(...burst)
      assertEqual(ids(await scene.pullNow()), [], 'nothing more')
      const id = ['1', '2', '3'].find((each) => !ids(burst).includes(each))!
      const where = () =>
        scene.broker.explain(context.caller, { subscription, event: { source: '/shop', id } }) as Promise<object>
      assertEqual((await where()) as unknown, { ...(await where()), state: 'ready', heldBack: 'rate' }, 'explain()')
      const worker = await scene.stream()
      worker.stream.grant(5)
      await scene.subscribe({ policy: { rate: { perSecond: 50 } } })
      await worker.received(1)
      assertEqual(worker.ids(), [id], 'a higher rate counts at once')
    },
  },
  {
    name: '`rate` hands out one after the other in its time, also to those who wait',
    async run(context) {
      const scene = await Scene.open(context, { policy: { rate: { perSecond: 20, burst: 1 } } })
      const worker = await scene.stream()
      worker.stream.grant(10)
      const startedAt = systemEnvironment.clock.monotonic()
      await scene.publish(...['1', '2', '3', '4', '5'].map((id) => event(id, id)))
      await worker.received(5)
      const tookMs = systemEnvironment.clock.monotonic() - startedAt
      // Four after the first, 50 ms each; a little less where clocks differ.
      if (tookMs < 190)
        throw new Error(`Required: five do not come sooner than the rate allows; they took ${tookMs} ms.`)
    },
  },
  {
    name: 'limits that make no sense are refused and change nothing',
    async run(context) {
      const scene = await Scene.open(context, { policy: { maxInFlight: 7 } })
      const bad = [
        { maxInFlight: 0 },
        { maxInFlight: 1.5 },
        { rate: { perSecond: 0 } },
        { rate: { perSecond: 1, burst: 0 } },
      ]
      for (const policy of bad) await assertRejects(scene.subscribe({ policy }), 'bad-request', JSON.stringify(policy))
      const { policy } = await scene.broker.subscription(context.caller, subscription)
      assertEqual([policy.maxInFlight, policy.rate], [7, undefined], 'the policy of before')
    },
  },
  {
    name: '`maxInFlight` holds across a crash: what consumers may still have counts until they have spoken',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context, { policy: { maxInFlight: 2 } })
      const worker = await scene.stream()
      worker.stream.grant(10)
      await scene.publish(...['1', '2', '3', '4'].map((id) => event(id, id)))
      await worker.received(2)
      scene.broker = await context.crash!()
      assertEqual(ids(await scene.pullNow()), [], 'nothing goes to anybody else')
      const leases = worker.deliveries.map(({ lease }) => lease)
      const back = await scene.stream('worker-1', leases)
      assertEqual(back.stream.kept.length, 2, 'the leases of before')
      assertEqual(ids(await scene.pullNow()), [], 'nothing goes to anybody else afterwards')
      await scene.ack(worker.deliveries[0]!)
      assertEqual((await scene.pullNow()).length, 1, 'a settle makes room')
    },
  },
]
