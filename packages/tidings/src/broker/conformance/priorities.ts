import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import type { Event } from '../../event/index.ts'
import type { DeadLetter } from '../port/dead-letters.ts'
import type { SubscriptionPolicy } from '../port/subscriptions.ts'
import { event, eventually, ids, Scene, subscription, topic, type BrokerCase, type BrokerContext } from './case.ts'

const priorities = [{ types: ['shop.alarm'] }, { exact: { type: 'shop.order-placed' } }] as const
const policy: SubscriptionPolicy = { priorities }

const alarm = (id: string, key?: string): Event => event(id, key, { type: 'shop.alarm' })
const order = (id: string, key?: string): Event => event(id, key, { type: 'shop.order-placed' })

function open(context: BrokerContext): Promise<Scene> {
  return Scene.open(context, { policy })
}

/** What matters is found while other events are handed out already: whoever asks for an order waits until all are. */
async function ready(scene: Scene, count: number): Promise<void> {
  const found = async (): Promise<number> => (await scene.broker.stats(scene.caller, subscription)).ready
  await eventually(async () => (await found()) === count, `${count} ready events`)
}

async function stands(scene: Scene, id: string, state: string): Promise<void> {
  const reference = { subscription, event: { source: '/shop', id } }
  await eventually(
    async () => (await scene.broker.explain(scene.caller, reference)).state === state,
    `event ${id} is ${state}`,
  )
}

/** Acknowledged and filtered, and that nothing else is left. */
async function finished(scene: Scene, acknowledged: number, filtered: number): Promise<void> {
  await eventually(async () => (await scene.broker.stats(scene.caller, subscription)).pending === 0, 'nothing pending')
  const stats = await scene.broker.stats(scene.caller, subscription)
  assertEqual([stats.acknowledged, stats.filtered], [acknowledged, filtered], 'each event is counted once')
  await eventually(async () => {
    const { floor, head } = await scene.broker.stats(scene.caller, subscription)
    return floor === head
  }, 'the floor is at the head')
}

export const priorityCases: readonly BrokerCase[] = [
  {
    name: 'what matters is handed out next, although thousands of other events stand before it',
    async run(context) {
      const scene = await open(context)
      for (let batch = 0; batch < 6; batch++) {
        await scene.publish(...Array.from({ length: 500 }, (_, index) => event(`${batch}-${index}`)))
      }
      assertEqual(
        (await scene.pull(2)).map(({ priority }) => priority),
        [2, 2],
        'what no filter matches',
      )
      await scene.publish(order('order'), alarm('alarm'))
      await stands(scene, 'order', 'ready')
      await stands(scene, 'alarm', 'ready')
      const next = await scene.pull(3)
      assertEqual(ids(next).slice(0, 2), ['alarm', 'order'], 'what matters most, first')
      assertEqual(
        next.map(({ priority }) => priority),
        [0, 1, 2],
        'each says its priority',
      )
      const { leftOut } = await scene.broker.previewSeek(scene.caller, { subscription, to: 'end' })
      assertEqual(leftOut, 3_002, 'what a seek to the end would leave out, each once')
    },
  },
  {
    name: 'events of each priority are counted once, come in order per key and are settled, renewed and streamed alike',
    async run(context) {
      const scene = await Scene.open(context, { policy, filter: { not: { exact: { subject: 'other' } } } })
      const other = { subject: 'other' }
      await scene.publish(event('1', 'a'), alarm('2', 'a'), { ...alarm('3', 'b'), ...other }, event('4', 'a', other))
      await scene.publish(order('5', 'a'), alarm('6', 'a'))
      await ready(scene, 4)
      const worker = await scene.stream()
      worker.stream.grant(3)
      await worker.received(3)
      assertEqual(worker.ids(), ['2', '6', '5'], 'a stream gets what matters first, in the order of its key')
      await worker.stream.close()
      const pulled = await scene.pull(4)
      assertEqual(ids(pulled), ['2', '6', '5', '1'], 'and a pull')
      const leases = pulled.map(({ lease }) => lease)
      const renewed = await scene.broker.renew(scene.caller, { subscription, leases, leaseMs: 60_000 })
      assertEqual(
        renewed.map(({ status }) => status),
        leases.map(() => 'settled'),
        'all are renewed',
      )
      assertEqual(await scene.settle(pulled[1]!, { action: 'ack' }), 'lease-out-of-order', 'within a priority')
      await scene.ack(...pulled)
      await finished(scene, 4, 2)
    },
  },
  {
    name: 'a dead letter of one priority is listed, explained and redriven, and holds up no other priority of its key',
    async run(context) {
      const scene = await open(context)
      await scene.publish(alarm('1', 'a'), alarm('2', 'a'), event('3', 'a'))
      await ready(scene, 3)
      const [head] = await scene.pull(1)
      await scene.settle(head!, { action: 'dead-letter', reason: 'it breaks' })
      await stands(scene, '1', 'dead')
      await stands(scene, '2', 'parked')
      const rest = await scene.pullNow()
      assertEqual(ids(rest), ['3'], 'the key goes on in the other priority')
      await scene.ack(...rest)
      const { deadLetters } = await scene.broker.deadLetters(scene.caller, { subscription })
      assertEqual(
        deadLetters.map((each) => [each.event.id, each.parked]),
        [['1', 1]],
        'the list',
      )
      await scene.broker.redrive(scene.caller, { subscription, positions: 'all' })
      const again = await scene.pull(2)
      assertEqual(
        again.map((each) => [each.event.id, each.priority]),
        [
          ['1', 0],
          ['2', 0],
        ],
        'in their priority',
      )
      await scene.ack(...again)
      await finished(scene, 3, 0)
    },
  },
  {
    name: 'a seek moves all priorities, and what matters comes first again; a new subscription of the name begins anew',
    async run(context) {
      const scene = await open(context)
      await scene.publish(event('1'), order('2'), alarm('3'), event('4'))
      await ready(scene, 4)
      await scene.ack(...(await scene.pull(4)))
      const moved = await scene.broker.seek(scene.caller, { subscription, to: 'beginning', effects: 'run' })
      assertEqual(moved.generation, 2, 'a new generation')
      await ready(scene, 4)
      const again = await scene.pull(4)
      assertEqual(
        again.map(({ priority, replay }) => `${priority} ${replay}`),
        ['0 run', '1 run', '2 run', '2 run'],
        'all of them',
      )
      await scene.ack(...again)
      await scene.broker.removeSubscription(scene.caller, subscription)
      await scene.subscribe({ policy })
      await ready(scene, 4)
      const { generation, acknowledged } = await scene.broker.stats(scene.caller, subscription)
      assertEqual([generation, acknowledged], [1, 0], 'nothing is left of the one before')
    },
  },
  {
    name: 'priorities outlive a crash of the broker: nothing is lost, and what matters comes first',
    restarts: true,
    async run(context) {
      const scene = await open(context)
      await scene.publish(event('1', 'a'), alarm('2', 'a'), order('3', 'a'), alarm('4', 'a'), event('5', 'a'))
      await ready(scene, 5)
      const [first] = await scene.pull(1)
      assertEqual(first?.event.id, '2', 'the first of what matters most')
      await scene.ack(first!)
      scene.broker = await context.crash!()
      await ready(scene, 4)
      const rest = await scene.pull(4)
      assertEqual(ids(rest), ['4', '3', '1', '5'], 'the rest')
      await scene.ack(...rest)
      await finished(scene, 5, 0)
    },
  },
  {
    name: 'retention keeps what the last priority still needs, and erase() finds what was edited there',
    async run(context) {
      const scene = new Scene(context)
      const retention = { maxEvents: 1 }
      await scene.broker.putTopic(scene.caller, { topic, kind: 'event', owner: 'shop', retention })
      await scene.subscribe({ policy })
      await scene.publish(event('1', 'a'), event('2'), alarm('3', 'b'))
      await eventually(
        async () => (await scene.broker.topic(scene.caller, topic)).held?.subscription === subscription,
        'the subscription holds its topic',
      )
      const deliveries = await scene.pull(3)
      await scene.ack(...deliveries.filter((delivery) => delivery.event.id === '2'))
      for (const letter of deliveries.filter((delivery) => delivery.event.id !== '2')) {
        await scene.settle(letter, { action: 'dead-letter', reason: 'it breaks' })
      }
      const { deadLetters } = await scene.broker.deadLetters(scene.caller, { subscription })
      const [{ position }, { position: important }] = deadLetters as [DeadLetter, DeadLetter]
      const data = new TextEncoder().encode('"mended"')
      await scene.broker.replace(scene.caller, { subscription, position, data })
      const explained = () => scene.broker.explain(scene.caller, { subscription, event: { position } })
      assertEqual((await explained()).replaced?.edit, 1, 'it was edited')
      await scene.broker.erase(scene.caller, { topic, key: 'a' })
      assertEqual((await explained()).replaced, undefined, 'its edit is gone as well')
      await scene.broker.erase(scene.caller, { topic, key: 'b' })
      const erased = await scene.broker.explain(scene.caller, { subscription, event: { position: important } })
      assertEqual(erased.state, 'dead', 'it is found in its priority, although what gave it that is erased')
    },
  },
  {
    name: 'priorities are fixed, and refused where the order of a whole key is needed',
    async run(context) {
      const scene = await open(context)
      const described = await scene.broker.subscription(scene.caller, subscription)
      assertEqual(described.policy.priorities, priorities, 'the policy as described')
      for (const other of [{}, { priorities: priorities.toReversed() }]) {
        await assertRejects(scene.subscribe({ policy: other }), 'subscription-conflict', JSON.stringify(other))
      }
      await scene.subscribe({ policy: { ...policy, maxInFlight: 5 } })
      const fresh = { subscription: 'mail.other', topic, from: 'beginning' } as const
      const wrong: readonly SubscriptionPolicy[] = [
        { priorities: [] },
        { priorities: [{ types: [] }] },
        { priorities: [{ any: [{ exact: { type: 'a' } }, { not: { prefix: { subject: 'a' } } }] }] },
        { priorities: [1, 2, 3, 4, 5].map((each) => ({ exact: { type: `${each}` } })) },
        { priorities, coalesce: { intervalMs: 1 } },
        { priorities, onDeadLetter: 'supersede' },
      ]
      for (const each of wrong) {
        const refused = scene.broker.putSubscription(scene.caller, { ...fresh, policy: each })
        await assertRejects(refused, 'bad-request', JSON.stringify(each))
      }
      await scene.broker.putTopic(scene.caller, { topic: 'shop.customer', kind: 'entity', owner: 'shop' })
      const states = { ...fresh, topic: 'shop.customer', policy }
      await assertRejects(scene.broker.putSubscription(scene.caller, states), 'bad-request', 'an entity')
    },
  },
]
