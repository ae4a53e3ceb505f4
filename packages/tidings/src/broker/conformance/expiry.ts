import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { event, eventually, Scene, subscription, topic, type BrokerCase, type BrokerContext } from './case.ts'

const policy = { expiresAfterMs: 1_000 }

/** Subscriptions that nobody consumes go where their policy says so. The broker of the suite looks many times a second. */
export const expiryCases: readonly BrokerCase[] = [
  {
    name: 'a subscription that nobody consumes expires and holds nothing; whoever comes back is told',
    async run(context) {
      const { broker, caller } = context
      const scene = await Scene.open(context, { policy })
      await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention: { maxEvents: 1 } })
      await scene.publish(event('1', 'a'), event('2', 'a'))
      await gone(context)
      await assertRejects(broker.pull(caller, { subscription }), 'subscription-unknown', 'a pull')
      await assertRejects(broker.subscription(caller, subscription), 'subscription-unknown', 'a description')
      await eventually(
        async () => (await broker.read(caller, { topic })).events.length === 1,
        'the topic lets go of what it needed',
      )
    },
  },
  {
    name: 'a subscription with a consumer does not expire, nor one whose policy does not say so',
    async run(context) {
      const { broker, caller } = context
      const scene = await Scene.open(context, { policy })
      const probe = await scene.stream()
      // A remote stream over long polling asks for what it has credit for.
      probe.stream.grant(1)
      await broker.putSubscription(caller, { subscription: 'mail.idle', topic, from: 'end', policy })
      await broker.putSubscription(caller, { subscription: 'mail.durable', topic, from: 'end' })
      await eventually(
        async () => !(await broker.subscriptions(caller)).some((each) => each.subscription === 'mail.idle'),
        'the other one has expired',
      )
      const left = (await broker.subscriptions(caller)).map((each) => [each.subscription, each.policy.expiresAfterMs])
      assertEqual(
        left,
        [
          ['mail.durable', undefined],
          [subscription, 1_000],
        ],
        'those two',
      )
      assertEqual(probe.closed, undefined, 'and the stream goes on')
      await probe.stream.close()
      await gone(context)
      await broker.subscription(caller, 'mail.durable')
    },
  },
  {
    name: 'a time in which a subscription expires is a time',
    async run(context) {
      for (const expiresAfterMs of [0, 999, 1_000.5, 31_536_000_001]) {
        await assertRejects(Scene.open(context, { policy: { expiresAfterMs } }), 'bad-request', String(expiresAfterMs))
      }
    },
  },
]

function gone({ broker, caller }: BrokerContext): Promise<void> {
  return eventually(
    async () => (await broker.subscriptions(caller)).every((each) => each.subscription !== subscription),
    'it has expired',
  )
}
