import { assertEqual } from '../../engine/conformance/assert.ts'
import { sleep, systemEnvironment } from '../../environment/index.ts'
import { event, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

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
]
