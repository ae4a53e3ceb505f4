import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { systemEnvironment } from '../../environment/index.ts'
import type { RetentionPolicy, TopicDescription } from '../port/topics.ts'
import { consume, event, eventually, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

const slow = 'audit.slow'

/** What may leave a topic, and what may not. The broker of the suite looks after retention many times a second. */
export const retentionCases: readonly BrokerCase[] = [
  {
    name: 'a topic with bounds lets go of what is over them, and of nothing more',
    async run(context) {
      const scene = await openBounded(context, { maxEvents: 2 })
      await scene.publish(...events(6))
      await scene.ack(...(await scene.pull(6)))
      await held(scene, ['5', '6'])
      await scene.publish(event('7'))
      assertEqual(ids(await scene.pull(1)), ['7'], 'it goes on')
    },
  },
  {
    name: 'a subscription that stalls holds what it needs, is named, and hinders no other; then the log shrinks again',
    async run(context) {
      const scene = await openBounded(context, { maxEvents: 1 })
      const { broker, caller } = scene
      await broker.putSubscription(caller, { subscription: slow, topic, from: 'beginning' })
      for (const batch of [0, 1, 2]) {
        await scene.publish(...events(5, batch * 5))
        await scene.ack(...(await scene.pull(5)))
      }
      let described: TopicDescription | undefined
      await eventually(async () => {
        described = await broker.topic(caller, topic)
        return described.held?.events === 14
      }, 'the description names who holds how much')
      assertEqual(described?.held?.subscription, slow, 'by name')
      assertEqual((await broker.read(caller, { topic })).events.length, 15, 'the log holds what it needs')
      const deliveries = await consume(scene, slow, 15)
      assertEqual(deliveries.length, 15, 'the one that stalled has missed nothing')
      await held(scene, ['15'])
      await eventually(async () => (await broker.topic(caller, topic)).held === undefined, 'nobody holds it any more')
    },
  },
  {
    name: 'retention keeps what a subscription has aside: dead letters, parked and scheduled events',
    async run(context) {
      const scene = await openBounded(context, { maxEvents: 1 })
      const at = new Date(systemEnvironment.clock.now() + 3_600_000).toISOString()
      await scene.publish(event('1', 'a'), event('2', 'a'), event('later', 'b', { extensions: { deliverat: at } }))
      await scene.kill('1')
      await scene.publish(...events(4, 10))
      await scene.ack(...(await scene.pull(4)))
      await held(scene, ['14'])
      const { scheduled } = await scene.broker.scheduled(context.caller, { subscription })
      assertEqual(
        scheduled.map((each) => each.event.id),
        ['later'],
        'what is scheduled',
      )
      await scene.broker.redrive(context.caller, { subscription, positions: 'all' })
      await scene.publish(...events(1, 14))
      await held(scene, ['15'])
      const back = ids(await scene.pull(3)).filter((id) => id !== '15')
      assertEqual(back, ['1', '2'], 'the dead letter, and what was parked behind it')
    },
  },
  {
    name: 'a subscription that nobody has open since the broker was started again holds what it needs',
    restarts: true,
    async run(context) {
      const scene = await openBounded(context, { maxEvents: 1 })
      await scene.publish(...events(5))
      const first = await scene.pull(1)
      await scene.ack(...first)
      scene.broker = await context.crash!()
      await eventually(
        async () => (await scene.broker.topic(context.caller, topic)).held?.subscription === subscription,
        'the topic says who holds it',
      )
      const left: string[] = []
      await eventually(async () => {
        const deliveries = await scene.pull(4, 200)
        left.push(...ids(deliveries))
        await scene.ack(...deliveries)
        return left.length === 4
      }, 'the other four')
      assertEqual([...ids(first), ...left].sort(), ['1', '2', '3', '4', '5'], 'each of them')
    },
  },
  {
    name: 'an entity topic with bounds keeps the newest of each key, and tells a reader that is behind them',
    async run({ broker, caller }) {
      const entity = 'crm.customer'
      await broker.putTopic(caller, { topic: entity, kind: 'entity', owner: 'crm', retention: { maxEvents: 1 } })
      const changed = (id: string, key: string) => ({ event: event(id, key, { type: `${entity}.updated` }) })
      const answers = await broker.publish(caller, {
        topic: entity,
        events: [changed('1', 'a'), changed('2', 'b'), changed('3', 'a'), changed('4', 'c')],
      })
      await eventually(async () => {
        const { events: left } = await broker.read(caller, { topic: entity })
        return left.map((each) => each.event.id).join() === '2,3,4'
      }, 'only what a newer state has replaced goes')
      const [first] = answers
      if (first?.status !== 'stored') throw new Error('The first event was not stored.')
      const behind = broker.read(caller, { topic: entity, after: first.position })
      await assertRejects(behind, 'position-unknown', 'it has missed something')
    },
  },
  {
    name: 'bounds stay as they are until somebody changes them, and have to be bounds',
    async run(context) {
      const scene = await openBounded(context, { maxAgeMs: 3_600_000 })
      const { broker, caller } = scene
      const define = (retention?: object) =>
        broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', ...(retention && { retention }) })
      assertEqual((await define()).retention, { maxAgeMs: 3_600_000 }, 'a definition without them leaves them')
      for (const wrong of [{}, { maxEvents: 0 }, { maxAgeMs: 1.5 }, { maxBytes: -1 }, { overtakes: true }]) {
        await assertRejects(define(wrong), 'bad-request', JSON.stringify(wrong))
      }
      const without = await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention: 'none' })
      assertEqual(without.retention, undefined, '"none" ends them')
    },
  },
  {
    name: 'a topic with a bound of bytes lets go of what is over it',
    async run(context) {
      const scene = await openBounded(context, { maxBytes: 25_000 })
      for (const id of ['1', '2', '3', '4', '5']) await scene.publish(event(id, id, { data: new Uint8Array(10_000) }))
      await scene.ack(...(await scene.pull(5)))
      await held(scene, ['3', '4', '5'])
    },
  },
]

/** An event topic with bounds, and a subscription from its beginning. */
export async function openBounded(
  context: ConstructorParameters<typeof Scene>[0],
  retention: RetentionPolicy,
  shards = 1,
): Promise<Scene> {
  await context.broker.putTopic(context.caller, { topic, kind: 'event', owner: 'shop', shards, retention })
  const scene = new Scene(context)
  await scene.subscribe()
  return scene
}

export function events(count: number, from = 0) {
  return Array.from({ length: count }, (_, index) => event(String(from + index + 1), `k${from + index}`))
}

/** Waits until the topic holds these and nothing else. */
export async function held(scene: Scene, expected: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      const page = await scene.broker.read(scene.caller, { topic })
      return page.events.map((each) => each.event.id).join() === expected.join()
    },
    `the topic holds ${expected.join(' and ')}`,
  )
}
