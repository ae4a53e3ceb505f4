import { assert, assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import type { Delivery } from '../port/deliveries.ts'
import type { SubscriptionStats } from '../port/standing.ts'
import { event, eventually, ids, Scene, subscription, topic, type BrokerCase, type BrokerContext } from './case.ts'

const names = ['1', '2', '3', '4', '5', '6']
const outage = { probeMs: 20 }

function down(scene: Scene, delivery: Delivery, afterMs = 0): Promise<string> {
  return scene.settle(delivery, { action: 'retry', reason: 'the shop is closed', afterMs, outage: 'ECONNREFUSED' })
}

/** A subscription with two attempts for each event, of which six different keys have failed. */
async function inOutage(context: BrokerContext): Promise<Scene> {
  const scene = await Scene.open(context, { policy: { outage } })
  await scene.publish(...names.map((name) => event(name, name)))
  for (const delivery of await scene.pull(6)) await down(scene, delivery)
  return scene
}

async function statsOf(scene: Scene): Promise<SubscriptionStats> {
  return scene.broker.stats(scene.caller, subscription)
}

export const outageCases: readonly BrokerCase[] = [
  {
    name: 'A real outage does not use up attempts: stats() says so, single deliveries are tried, the first success ends it',
    async run(context) {
      const scene = await inOutage(context)
      const noticed = (await statsOf(scene)).outage
      assertEqual([noticed?.class, noticed?.failures], ['ECONNREFUSED', 6], 'stats() during the outage')
      const tried = new Set<string>()
      for (let probe = 0; probe < 20; probe++) {
        const deliveries = await scene.pull(1)
        assertEqual(ids(await scene.pullNow()), [], 'nothing beside the probe')
        tried.add(deliveries[0]!.event.id)
        await down(scene, deliveries[0]!)
      }
      assertEqual([...tried].sort(), names, 'the probes rotate over the events')
      const { dead, outage: later } = await statsOf(scene)
      assertEqual([dead, later?.failures, later?.since], [0, 26, noticed?.since], 'stats() after twenty probes')
      const [probe] = await scene.pull(1)
      assertEqual(probe?.attempt, 1, 'no attempt was counted')
      await scene.ack(probe!)
      assertEqual((await statsOf(scene)).outage, undefined, 'stats() after the first success')
      const rest = await scene.broker.pull(context.caller, { subscription, max: 6, waitMs: 3_000 })
      assertEqual(new Set(rest.deliveries.map(({ attempt }) => attempt)).size, 1, 'all with the same attempt')
      await scene.ack(...rest.deliveries, ...(await scene.pull(5 - rest.deliveries.length)))
      assertEqual((await statsOf(scene)).acknowledged, 6, 'everything is done')
    },
  },
  {
    name: 'One poison message on a quiet subscription is not an outage: it ends as a dead letter, others come as ever',
    async run(context) {
      const scene = await Scene.open(context, { policy: { outage } })
      await scene.publish(event('1', 'a'))
      for (let attempt = 0; attempt < 2; attempt++) await down(scene, (await scene.pull(1))[0]!)
      const { dead, outage: present } = await statsOf(scene)
      assertEqual([dead, present], [1, undefined], 'stats()')
      await scene.publish(event('2', 'b'), event('3', 'c'))
      assertEqual(ids(await scene.pull(2)).sort(), ['2', '3'], 'the others')
    },
  },
  {
    name: 'in an outage explain() says what holds an event back, and a stream gets its probes too',
    async run(context) {
      const scene = await inOutage(context)
      await scene.publish(event('7', 'g'))
      const where = () =>
        scene.broker.explain(context.caller, { subscription, event: { source: '/shop', id: '7' } }) as Promise<object>
      const [probe] = await scene.pull(1)
      if (probe!.event.id !== '7') {
        await eventually(async () => 'heldBack' in (await where()), 'explain() says what holds it back')
        assertEqual(await where(), { ...(await where()), state: 'ready', heldBack: 'outage' }, 'explain()')
      }
      await down(scene, probe!)
      const worker = await scene.stream()
      worker.stream.grant(10)
      await worker.received(1)
      assert((await statsOf(scene)).leased <= 1, 'a single delivery')
      await scene.ack(worker.deliveries[0]!)
      await worker.received(7)
    },
  },
  {
    name: 'an outcome whose class of outage is no name is refused',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      const [delivery] = await scene.pull(1)
      for (const bad of ['', 'x'.repeat(101)]) {
        const outcome = { action: 'retry', reason: 'down', outage: bad } as const
        await assertRejects(scene.settle(delivery!, outcome), 'bad-request', `"${bad}"`)
      }
      const policy = { outage: { keys: 1 } }
      const definition = { subscription: 'mail.other', topic, from: 'end', policy } as const
      await assertRejects(scene.broker.putSubscription(context.caller, definition), 'bad-request', 'one key')
    },
  },
]
