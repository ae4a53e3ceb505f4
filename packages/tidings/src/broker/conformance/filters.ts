import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import type { SubscriptionFilter } from '../../event/index.ts'
import { consume, event, eventually, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

const orders = [
  event('1', 'a', { subject: 'eu/berlin', extensions: { priority: 4 } }),
  event('2', 'b', { subject: 'us/boston', extensions: { urgent: true } }),
  event('3', 'c', { type: 'shop.refund', subject: 'eu/bonn' }),
  event('4', 'd'),
]
const wanted: readonly (readonly [SubscriptionFilter, readonly string[]])[] = [
  [{ types: ['shop.refund'] }, ['3']],
  [{ exact: { subject: 'us/boston' } }, ['2']],
  [{ prefix: { subject: 'eu/' } }, ['1', '3']],
  [{ suffix: { type: '.order' } }, ['1', '2', '4']],
  [{ exact: { urgent: 'true' } }, ['2']],
  [{ exact: { partitionkey: 'd' } }, ['4']],
  [{ not: { prefix: { subject: 'eu/' } } }, ['2', '4']],
  [{ any: [{ exact: { priority: '4' } }, { exact: { id: '4' } }] }, ['1', '4']],
  [{ all: [{ prefix: { subject: 'eu/' } }, { not: { exact: { type: 'shop.refund' } } }] }, ['1']],
  [{ types: [topic], prefix: { subject: 'eu/' } }, ['1']],
]

export const filterCases: readonly BrokerCase[] = [
  {
    name: 'a filter by attributes hands out what it matches, and the subscription says what it is',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(...orders)
      for (const [index, [filter, expected]] of wanted.entries()) {
        const name = `filter.number-${index}`
        await scene.broker.putSubscription(context.caller, { subscription: name, topic, from: 'beginning', filter })
        const deliveries = await consume(scene, name, expected.length)
        assertEqual(ids(deliveries).toSorted(), expected, `what matches ${JSON.stringify(filter)}`)
        assertEqual((await scene.broker.subscription(context.caller, name)).filter, filter, 'the filter as described')
      }
    },
  },
  {
    name: 'progress moves on although everything was filtered',
    async run(context) {
      const scene = await Scene.open(context, { filter: { exact: { subject: 'nobody' } } })
      const probe = await scene.stream()
      probe.stream.grant(10)
      await scene.publish(...orders)
      const { head } = await scene.broker.topic(context.caller, topic)
      await eventually(() => probe.floor === head, 'the stream is told that the floor is at the end')
      const { floor, filtered, pending } = await scene.broker.stats(context.caller, subscription)
      assertEqual([floor, filtered, pending], [head, 4, 0], 'the stats')
      assertEqual(probe.ids(), [], 'what came')
      await probe.stream.close()
    },
  },
  {
    name: 'a filter that changes holds for what comes from then on, and what it left out is no replay',
    async run(context) {
      const scene = await Scene.open(context, { filter: { prefix: { subject: 'eu/' } } })
      await scene.publish(...orders)
      await scene.ack(...(await scene.pull(2)))
      await scene.subscribe({ filter: {} })
      await scene.publish(event('5', 'e'))
      const late = await scene.pull(1)
      assertEqual(ids(late), ['5'], 'nothing of before comes of itself')
      await scene.ack(...late)
      await scene.broker.seek(context.caller, { subscription, to: 'beginning', effects: 'skip' })
      const again = await scene.pull(5)
      const found = again.map(({ event: { id }, replay }) => `${id}: ${replay ?? 'first'}`)
      assertEqual(found.toSorted(), ['1: skip', '2: first', '3: skip', '4: first', '5: skip'], 'what is a replay')
      await scene.ack(...again)
    },
  },
  {
    name: 'a filter that is none is refused, and changes nothing',
    async run(context) {
      const filter = { prefix: { subject: 'eu/' } }
      const scene = await Scene.open(context, { filter })
      const wrong = [
        { types: [] },
        { regex: { type: '.*' } },
        { exact: {} },
        { exact: { data: 'x' } },
        { exact: { priority: 4 } },
        { any: [] },
        { not: {} },
        { any: Array.from({ length: 300 }, () => filter) },
      ]
      for (const each of wrong) {
        await assertRejects(
          scene.subscribe({ filter: each as SubscriptionFilter }),
          'bad-request',
          JSON.stringify(each),
        )
      }
      assertEqual((await scene.broker.subscription(context.caller, subscription)).filter, filter, 'the filter')
    },
  },
]
