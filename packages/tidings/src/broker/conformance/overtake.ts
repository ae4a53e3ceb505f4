import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { systemEnvironment } from '../../environment/index.ts'
import { event, eventually, ids, subscription, topic, type BrokerCase } from './case.ts'
import { events, held, openBounded } from './retention.ts'

const retention = { maxEvents: 2, overtakes: true }

/** A topic that may remove what its subscriptions still need. */
export const overtakeCases: readonly BrokerCase[] = [
  {
    name: 'a topic that overtakes removes what a subscription has not taken, says of whom, and it goes on behind that',
    async run(context) {
      const scene = await openBounded(context, retention)
      const { broker, caller } = scene
      await broker.pause(caller, subscription)
      const answers = await broker.publish(caller, { topic, events: events(6).map((each) => ({ event: each })) })
      await held(scene, ['5', '6'])
      // Looks that found nothing more to take have followed; the loss is still named.
      const { overtaken = [] } = await broker.topic(caller, topic)
      const told = overtaken.map((loss) => [loss.subscription, loss.events])
      assertEqual(told, [[subscription, 4]], 'who has lost how much')
      const stats = await broker.stats(caller, subscription)
      assertEqual([stats.skipped, stats.pending, stats.acknowledged], [4, 2, 0], 'what was removed is skipped')
      const [first] = answers
      if (first?.status !== 'stored') throw new Error('The first event was not stored.')
      const { state } = await broker.explain(caller, { subscription, event: { position: first.position } })
      assertEqual(state, 'beyond-retention', 'explain says so')
      await broker.resume(caller, subscription)
      const left = await scene.pull(2)
      assertEqual(ids(left), ['5', '6'], 'it goes on behind them')
      await scene.ack(...left)
      assertEqual((await broker.stats(caller, subscription)).pending, 0, 'and waits for nothing')
    },
  },
  {
    name: 'a topic that overtakes takes dead letters, parked, failed and scheduled events with it',
    async run(context) {
      const scene = await openBounded(context, { maxEvents: 1_000, overtakes: true })
      const { broker, caller } = scene
      const at = new Date(systemEnvironment.clock.now() + 3_600_000).toISOString()
      await scene.publish(event('1', 'a'), event('2', 'a'), event('later', 'b', { extensions: { deliverat: at } }))
      await scene.kill('1')
      await scene.publish(event('fails', 'c'))
      const [failed] = await scene.pull(1)
      await scene.settle(failed!, { action: 'retry', reason: 'it breaks', afterMs: 3_600_000 })
      await broker.putTopic(caller, {
        topic,
        kind: 'event',
        owner: 'shop',
        retention: { maxEvents: 1, overtakes: true },
      })
      await scene.publish(event('3', 'a'))
      await held(scene, ['3'])
      await eventually(async () => {
        const { dead, parked, scheduled, retrying, skipped } = await broker.stats(caller, subscription)
        return [dead, parked, scheduled, retrying, skipped].join() === '0,0,0,0,4'
      }, 'nothing waits for what is gone')
      assertEqual((await broker.deadLetters(caller, { subscription })).deadLetters, [], 'no dead letter')
      assertEqual((await broker.scheduled(caller, { subscription })).scheduled, [], 'nothing scheduled')
      const next = await scene.pull(1)
      assertEqual(ids(next), ['3'], 'its key goes on')
      await scene.ack(...next)
      assertEqual((await broker.stats(caller, subscription)).pending, 0, 'and that was all')
    },
  },
  {
    name: 'a topic that overtakes leaves what a consumer has to that consumer',
    async run(context) {
      const scene = await openBounded(context, retention)
      await scene.publish(event('1', 'a'))
      const taken = await scene.pull(1)
      await scene.publish(...events(5, 10))
      await held(scene, ['14', '15'])
      const position = { position: taken[0]!.position }
      const { state } = await scene.broker.explain(scene.caller, { subscription, event: position })
      assertEqual(state, 'leased', 'its event stays as long')
      await scene.ack(...taken)
      await eventually(async () => {
        const explained = await scene.broker.explain(scene.caller, { subscription, event: position })
        return explained.state === 'beyond-retention'
      }, 'and goes afterwards')
      const { acknowledged, skipped } = await scene.broker.stats(scene.caller, subscription)
      assertEqual([acknowledged, skipped], [1, 3], 'it was not lost')
    },
  },
  {
    name: 'overtaking counts what a filter left out as filtered, in every shard',
    async run(context) {
      const { broker, caller } = context
      const scene = await openBounded(context, { maxEvents: 1, overtakes: true }, 4)
      await broker.putSubscription(caller, { subscription, topic, from: 'beginning', filter: { types: ['wanted'] } })
      await broker.pause(caller, subscription)
      const types = ['wanted', 'other', 'wanted', 'other', 'wanted', 'other', 'wanted']
      await scene.publish(...types.map((type, index) => event(String(index), `k${index}`, { type })))
      await held(scene, ['6'])
      const { skipped, filtered, pending } = await broker.stats(caller, subscription)
      assertEqual([skipped, filtered, pending], [3, 3, 1], 'nothing is counted twice, and nothing is left out')
    },
  },
  {
    name: 'tasks, answers and entities are never overtaken',
    async run({ broker, caller }) {
      const wrong = [{ kind: 'task' }, { kind: 'entity' }, { kind: 'event', replies: true }] as const
      for (const each of wrong) {
        const definition = { topic: 'shop.other', owner: 'shop', ...each, retention }
        await assertRejects(broker.putTopic(caller, definition), 'bad-request', JSON.stringify(each))
      }
    },
  },
]
