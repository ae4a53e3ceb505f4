import { assertEqual } from '../../engine/conformance/assert.ts'
import { event, ids, Scene, subscription, type BrokerCase } from './case.ts'

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
]
