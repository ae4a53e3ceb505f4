import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { systemEnvironment } from '../../environment/index.ts'
import { formatSequence, type Event } from '../../event/index.ts'
import type { Delivery } from '../port/deliveries.ts'
import {
  consume,
  event,
  eventually,
  ids,
  Scene,
  subscription,
  topic,
  type BrokerCase,
  type BrokerContext,
} from './case.ts'

const entity = 'crm.customer'

/** Removing what must not be known any more. */
export const eraseCases: readonly BrokerCase[] = [
  {
    name: 'erase() takes the payloads of a key out of read() and of what was not handed out yet, and of no other key',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'b'), event('3', 'a'))
      const [first] = await scene.pull(1)
      assertEqual(first?.event.id, '1', 'one is with a consumer, the other at hand')
      assertEqual(await scene.broker.erase(context.caller, { topic, key: 'a' }), { erased: 2 }, 'it says how many')
      assertEqual(await scene.broker.erase(context.caller, { topic, key: 'a' }), { erased: 0 }, 'there is no more')
      const { events } = await scene.broker.read(context.caller, { topic })
      assertEqual(
        events.map((each) => each.event.id),
        ['2'],
        'read()',
      )
      assertEqual(await scene.settle(first!, { action: 'retry', reason: 'again' }), 'settled', 'the lease holds')
      const rest = await scene.pull(1)
      assertEqual(ids(rest), ['2'], 'the other key comes')
      await scene.ack(...rest)
      assertEqual(await scene.pullNow(), [], 'neither the retried event nor the one behind it')
      await expectStats(scene, { skipped: 2, acknowledged: 1, pending: 0 })
      await scene.publish(event('4', 'a'))
      assertEqual(ids(await scene.pull(1)), ['4'], 'the key goes on')
    },
  },
  {
    name: 'erase() reaches dead letters and what is parked behind them',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'))
      await scene.kill('1')
      await scene.broker.erase(context.caller, { topic, key: 'a' })
      const { deadLetters } = await scene.broker.deadLetters(context.caller, { subscription })
      assertEqual(
        deadLetters.map((letter) => letter.event.data),
        [undefined],
        'the dead letter has no payload',
      )
      await scene.broker.redrive(context.caller, { subscription, positions: 'all' })
      assertEqual(await scene.pullNow(), [], 'redriven, it is skipped, and so is the parked one')
      await expectStats(scene, { skipped: 2, dead: 0, parked: 0, pending: 0 })
    },
  },
  {
    name: 'erase() reaches what is scheduled',
    async run(context) {
      const scene = await Scene.open(context)
      const at = new Date(systemEnvironment.clock.now() + 1_500).toISOString()
      await scene.publish(event('1', 'a', { extensions: { deliverat: at } }), event('2', 'b'))
      assertEqual(ids(await scene.pull(1)), ['2'], 'the first is scheduled')
      await scene.broker.erase(context.caller, { topic, key: 'a' })
      await eventually(async () => {
        assertEqual(await scene.pull(1, 100), [], 'it is not handed out')
        return (await scene.broker.stats(context.caller, subscription)).skipped === 1
      }, 'the scheduled event is skipped when it is due')
    },
  },
  {
    name: 'erase() of an entity leaves a tombstone, which copies get, and lists no state of it',
    async run(context) {
      const { broker, caller } = context
      await broker.putTopic(caller, { topic: entity, kind: 'entity', owner: 'crm' })
      await broker.putSubscription(caller, { subscription, topic: entity, from: 'beginning' })
      await publish(context, customer('a', 7), customer('b', 1))
      assertEqual(await broker.erase(caller, { topic: entity, key: 'a' }), { erased: 1 }, 'one state')
      const { events } = await broker.latest(caller, { topic: entity })
      assertEqual(
        events.map((each) => [each.event.type, each.event.sequence, each.event.data === undefined]).sort(),
        [
          [`${entity}.deleted`, formatSequence(7), true],
          [`${entity}.updated`, formatSequence(1), false],
        ],
        'latest()',
      )
      const deliveries = await consume(context, subscription, 2)
      assertEqual(
        deliveries.map((each) => [each.event.key, each.event.type]).sort(),
        [
          ['a', `${entity}.deleted`],
          ['b', `${entity}.updated`],
        ],
        'what a copy gets',
      )
      const [answer] = await publish(context, customer('a', 8))
      assertEqual(answer?.status === 'stored' && answer.stale === undefined, true, 'its owner goes on where it was')
    },
  },
  {
    name: 'erase() of an entity that is gone needs no other tombstone, and copies that lag behind get the one there is',
    async run(context) {
      const { broker, caller } = context
      await broker.putTopic(caller, { topic: entity, kind: 'entity', owner: 'crm' })
      await broker.putSubscription(caller, { subscription, topic: entity, from: 'beginning' })
      await publish(context, customer('a', 1), customer('a', 2, 'deleted'))
      assertEqual(await broker.erase(caller, { topic: entity, key: 'a' }), { erased: 2 }, 'both')
      const { deliveries } = await broker.pull(caller, { subscription, max: 10, waitMs: 3_000 })
      assertEqual(
        deliveries.map((each) => each.event.sequence),
        [formatSequence(2)],
        'the tombstone',
      )
      await assertRejects(broker.erase(caller, { topic: entity, key: '' }), 'key-invalid', 'a key that is none')
    },
  },
  {
    name: 'erased events stay erased, and are skipped, after a crash',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'), event('3', 'b'))
      const [first] = await scene.pull(1)
      await scene.settle(first!, { action: 'release' })
      await scene.broker.erase(context.caller, { topic, key: 'a' })
      scene.broker = await context.crash!()
      let rest: Delivery[] = []
      await eventually(async () => (rest = await scene.pull(1, 100)).length > 0, 'a delivery after the crash')
      assertEqual(ids(rest), ['3'], 'only the other key')
      await scene.ack(...rest)
      await expectStats(scene, { skipped: 2, acknowledged: 1, pending: 0 })
    },
  },
  {
    name: 'what was erased while a stream had it is not handed out again after a crash',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      const worker = await scene.stream()
      worker.stream.grant(1)
      await scene.publish(event('1', 'a'))
      await worker.received(1)
      await scene.broker.erase(context.caller, { topic, key: 'a' })
      scene.broker = await context.crash!()
      await eventually(async () => {
        assertEqual(await scene.pull(1, 100), [], 'it is not handed out')
        return (await scene.broker.stats(context.caller, subscription)).skipped === 1
      }, 'it is skipped once its holder is missed')
    },
  },
]

function customer(key: string, version: number, change = 'updated'): Event {
  const data = new TextEncoder().encode(JSON.stringify({ id: key }))
  const type = `${entity}.${change}`
  return { id: `${key}-${version}`, source: '/crm', type, key, sequence: formatSequence(version), data }
}

function publish({ broker, caller }: BrokerContext, ...events: Event[]) {
  return broker.publish(caller, { topic: entity, events: events.map((each) => ({ event: each })) })
}

async function expectStats(scene: Scene, expected: Readonly<Record<string, number>>): Promise<void> {
  const stats = async (): Promise<Record<string, unknown>> => ({
    ...(await scene.broker.stats(scene.caller, subscription)),
  })
  const names = Object.keys(expected)
  await eventually(
    async () => {
      const found = await stats()
      return names.every((name) => found[name] === expected[name])
    },
    `${JSON.stringify(expected)} in the stats, which say ${JSON.stringify(await stats())}`,
  )
}
