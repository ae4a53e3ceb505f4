import { assertEqual } from '../../engine/conformance/assert.ts'
import type { Delivery } from '../port/deliveries.ts'
import { event, ids, topic, type BrokerCase, type BrokerContext } from './case.ts'

/** The subscriptions of two running instances of one service. */
const instances = ['web.flags.i1', 'web.flags.i2'] as const

async function open({ broker, caller }: BrokerContext): Promise<void> {
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  for (const subscription of instances) await broker.putSubscription(caller, { subscription, topic, from: 'end' })
}

async function take(
  { broker, caller }: BrokerContext,
  subscription: string,
  max: number,
): Promise<readonly Delivery[]> {
  const { deliveries } = await broker.pull(caller, { subscription, max, waitMs: 10_000 })
  const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
  await broker.settle(caller, { subscription, outcomes })
  return deliveries
}

export const broadcastCases: readonly BrokerCase[] = [
  {
    name: 'each instance with a subscription of its own gets every event, and its position is listed',
    async run(context) {
      const { broker, caller } = context
      await open(context)
      const events = ['1', '2'].map((id) => ({ event: event(id, 'a') }))
      await broker.publish(caller, { topic, events })
      assertEqual(ids(await take(context, instances[0], 2)), ['1', '2'], 'the first instance')
      assertEqual(ids(await take(context, instances[1], 1)), ['1'], 'the second instance, which is behind')
      const { head } = await broker.topic(caller, topic)
      const all = await broker.subscriptions(caller)
      const applied = all.filter(({ subscription }) => subscription.startsWith('web.flags.'))
      assertEqual(
        applied.map(({ subscription, floor }) => [subscription, floor === head]),
        [
          ['web.flags.i1', true],
          ['web.flags.i2', false],
        ],
        'the positions applied',
      )
    },
  },
  {
    name: 'an instance goes on where it was after a pause, and one that is removed is told so, not resumed',
    async run(context) {
      const { broker, caller } = context
      await open(context)
      await broker.publish(caller, { topic, events: [{ event: event('1', 'a') }] })
      assertEqual(ids(await take(context, instances[0], 1)), ['1'], 'before the pause')
      await broker.publish(caller, { topic, events: [{ event: event('2', 'a') }] })
      assertEqual(ids(await take(context, instances[0], 1)), ['2'], 'after it')
      await broker.removeSubscription(caller, instances[1])
      const pulled = await broker.pull(caller, { subscription: instances[1] }).then(
        () => 'resumed',
        (error: unknown) => (error as { code: string }).code,
      )
      assertEqual(pulled, 'subscription-unknown', 'the instance that is gone')
    },
  },
]
