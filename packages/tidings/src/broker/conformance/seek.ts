import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { sleep, systemEnvironment } from '../../environment/index.ts'
import { consume, event, eventually, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

/** Where a seek goes, and what it says before it does. */
export const seekCases: readonly BrokerCase[] = [
  {
    name: 'seek() to a time goes on with the first event appended at or after it',
    async run(context) {
      const scene = await Scene.open(context)
      for (let id = 1; id <= 9; id++) {
        await scene.publish(event(`${id}`, `${id}`))
        await sleep(systemEnvironment, 2)
      }
      const { events } = await scene.broker.read(context.caller, { topic })
      for (const [index, { appendedAt }] of events.entries()) {
        await scene.broker.seek(context.caller, { subscription, to: { time: appendedAt } })
        const first = events.findIndex((each) => each.appendedAt >= appendedAt)
        assertEqual(
          ids(await scene.pull(9 - first, 500)).sort(),
          events.slice(first).map((each) => each.event.id),
          `from the time of event ${index + 1} on`,
        )
      }
      const far = await scene.broker.seek(context.caller, { subscription, to: { time: 32_503_680_000_000 } })
      assertEqual(far.floor, events.at(-1)!.position, 'a time after all of them is the end')
      const early = await scene.broker.previewSeek(context.caller, { subscription, to: { time: 0 } })
      assertEqual([early.events, early.again], [9, 9], 'a time before all of them is the beginning')
    },
  },
  {
    name: 'previewSeek() says what would come again, which dead letters go and what is left out, and moves nothing',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      await scene.kill('1')
      await scene.publish(event('2', 'b'), event('3', 'b'), event('4', 'c'), event('5', 'a'))
      const deliveries = await scene.pullNow()
      assertEqual(ids(deliveries).sort(), ['2', '3', '4'], 'all but the dead letter and what is parked behind it')
      await scene.ack(...deliveries.filter((delivery) => delivery.event.id !== '4'))
      const preview = async (to: string) => {
        const found = await scene.broker.previewSeek(context.caller, { subscription, to })
        return [found.events, found.again, found.deadLetters, found.leftOut]
      }
      assertEqual(await preview('beginning'), [5, 2, 1, 0], 'from the beginning')
      assertEqual(
        await preview(deliveries.find((delivery) => delivery.event.id === '2')!.position),
        [3, 1, 0, 0],
        'after the second event',
      )
      assertEqual(await preview('end'), [0, 0, 0, 1], 'from the end: the leased one is left out')
      const { generation, dead, leased } = await scene.broker.stats(context.caller, subscription)
      assertEqual([generation, dead, leased], [1, 1, 1], 'nothing has moved')
    },
  },
  {
    name: 'seek() with `perSecond` hands out no more than that, says so, and holds up no other; the next seek ends it',
    async run(context) {
      const scene = await Scene.open(context)
      const { broker, caller } = scene
      await broker.putSubscription(caller, { subscription: 'audit.other', topic, from: 'beginning' })
      await scene.publish(event('1', 'a'), event('2', 'b'), event('3', 'c'))
      await scene.ack(...(await scene.pull(3)))
      for (const perSecond of [0, -1, 1_000_001]) {
        await assertRejects(broker.seek(caller, { subscription, to: 'beginning', perSecond }), 'bad-request', 'a rate')
      }
      const { head } = await broker.topic(caller, topic)
      const slow = { subscription, to: 'beginning', effects: 'run', perSecond: 0.001 } as const
      const { seekRate } = await broker.seek(caller, slow)
      assertEqual(seekRate, { perSecond: 0.001, until: head }, 'the description')
      assertEqual(await scene.pullNow(), [], 'nothing before its time')
      const where = () => broker.explain(caller, { subscription, event: { source: '/shop', id: '1' } })
      assertEqual({ ...(await where()) }, { ...(await where()), state: 'ready', heldBack: 'seek-rate' }, 'explain()')
      await scene.subscribe({ policy: { maxInFlight: 5 } })
      assertEqual(await scene.pullNow(), [], 'another policy does not end it')
      assertEqual((await consume(scene, 'audit.other', 3)).length, 3, 'others do not notice')
      const { seekRate: ended } = await broker.seek(caller, { subscription, to: 'beginning', effects: 'run' })
      assertEqual(ended, undefined, 'the next seek')
      assertEqual((await scene.pull(3)).length, 3, 'all at once')
    },
  },
  {
    name: 'what bounds a seek outlives a crash, and is over once everything of its time has passed',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'b'))
      await scene.ack(...(await scene.pull(2)))
      const slow = { subscription, to: 'beginning', effects: 'run' } as const
      await scene.broker.seek(context.caller, { ...slow, perSecond: 0.001 })
      scene.broker = await context.crash!()
      assertEqual(await scene.pullNow(), [], 'after the crash')
      await scene.broker.seek(context.caller, { ...slow, perSecond: 50 })
      await scene.ack(...(await scene.pull(2)))
      await eventually(
        async () => (await scene.broker.subscription(context.caller, subscription)).seekRate === undefined,
        'it is over',
      )
    },
  },
]
