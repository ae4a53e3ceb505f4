import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import type { SubscriptionPolicy } from '../port/subscriptions.ts'
import { event, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

/** So long that no interval ends while a case runs. */
const hour = 3_600_000
const coalesced: SubscriptionPolicy = {
  coalesce: { intervalMs: hour, urgent: { exact: { subject: 'revoked' } } },
}
const retry = { quickDelaysMs: [1], minDelayMs: 1, maxDelayMs: 1, maxAttempts: 9 }

async function open(context: Parameters<typeof Scene.open>[0], policy = coalesced): Promise<Scene> {
  return Scene.open(context, { policy })
}

export const coalesceCases: readonly BrokerCase[] = [
  {
    name: 'coalescing hands out the first event of a key at once and no other within the interval, the newest after it',
    async run(context) {
      const scene = await open(context, { coalesce: { intervalMs: 2_000 } })
      await scene.publish(event('1', 'a'), event('2', 'b'), event('3'))
      const first = await scene.pull(3)
      assertEqual(ids(first).toSorted(), ['1', '2', '3'], 'the first of each key, and what has none')
      await scene.ack(...first)
      await scene.publish(event('4', 'a'), event('5', 'a'), event('6', 'b'), event('7', 'a'))
      const later = await scene.pull(2, 10_000)
      assertEqual(ids(later).toSorted(), ['6', '7'], 'the newest of each key')
      await scene.ack(...later)
      const { acknowledged, superseded, pending, floor, head } = await scene.broker.stats(context.caller, subscription)
      assertEqual([acknowledged, superseded, pending, floor], [5, 2, 0, head], 'everything is counted')
    },
  },
  {
    name: 'an update that arrives while the coalesced handler of its key runs makes one more run, with the newest value',
    async run(context) {
      const scene = await open(context, { coalesce: { intervalMs: 0 } })
      await scene.publish(event('1', 'a'))
      const running = await scene.pull(1)
      await scene.publish(event('2', 'a'), event('3', 'a'))
      assertEqual(ids(await scene.pullNow()), [], 'never two of a key in flight')
      await scene.ack(...running)
      const again = await scene.pull(1)
      assertEqual(ids(again), ['3'], 'the newest')
      await scene.ack(...again)
      assertEqual(ids(await scene.pullNow()), [], 'and no more')
    },
  },
  {
    name: 'explain() says that an event waits for the interval of its key',
    async run(context) {
      const scene = await open(context)
      await scene.publish(event('1', 'a'))
      await scene.ack(...(await scene.pull(1)))
      await scene.publish(event('2', 'a'))
      assertEqual(ids(await scene.pullNow()), [], 'nothing is handed out')
      const reference = { subscription, event: { source: '/shop', id: '2' } }
      const found = await scene.broker.explain(context.caller, reference)
      assertEqual([found.state, 'heldBack' in found && found.heldBack], ['ready', 'interval'], 'why')
    },
  },
  {
    name: 'an urgent event replaces what waits and goes at once, after the handler that runs; its slot stays urgent',
    async run(context) {
      const scene = await open(context)
      const marks = [{ subject: 'revoked' }, { extensions: { urgent: true } }]
      await scene.publish(...marks.map((_, index) => event(`${index}-1`, `k${index}`)))
      const running = await scene.pull(2)
      for (const [index, mark] of marks.entries()) {
        await scene.publish(event(`${index}-2`, `k${index}`), event(`${index}-3`, `k${index}`, mark))
      }
      await scene.publish(event('1-4', 'k1'))
      assertEqual(ids(await scene.pullNow()), [], 'the handlers run')
      await scene.ack(...running)
      const urgent = await scene.pull(2)
      assertEqual(ids(urgent).toSorted(), ['0-3', '1-4'], 'at once, and the newest')
      await scene.ack(...urgent)
      await scene.publish(event('0-5', 'k0'))
      assertEqual(ids(await scene.pullNow()), [], 'what is not urgent waits')
      assertEqual((await scene.broker.stats(context.caller, subscription)).superseded, 3, 'what was replaced')
    },
  },
  {
    name: 'under coalescing a newer event replaces one that failed, and a dead letter; its attempts begin anew',
    async run(context) {
      const scene = await open(context, { ...coalesced, retry })
      await scene.publish(event('1', 'a'))
      const [first] = await scene.pull(1)
      await scene.settle(first!, { action: 'retry', reason: 'busy' })
      const [again] = await scene.pull(1)
      assertEqual([again?.event.id, again?.attempt], ['1', 2], 'a retry does not wait for the interval')
      // When the other one comes, the newer one is known.
      await scene.publish(event('2', 'a', { subject: 'revoked' }), event('other', 'b'))
      await scene.ack(...(await scene.pull(1)))
      await scene.settle(again!, { action: 'retry', reason: 'busy' })
      const [second] = await scene.pull(1)
      assertEqual([second?.event.id, second?.attempt], ['2', 1], 'the newer one instead')
      await scene.settle(second!, { action: 'dead-letter', reason: 'no use' })
      await scene.publish(event('3', 'a', { subject: 'revoked' }))
      const third = await scene.pull(1)
      assertEqual(ids(third), ['3'], 'nothing stays behind a dead letter')
      await scene.ack(...third)
      const { superseded, dead, acknowledged } = await scene.broker.stats(context.caller, subscription)
      assertEqual([superseded, dead, acknowledged], [2, 0, 2], 'the counts')
    },
  },
  {
    name: 'a crash under coalescing brings the newest value of each key, and at most one early',
    restarts: true,
    async run(context) {
      const scene = await open(context)
      await scene.publish(event('1', 'a'), event('2', 'b'))
      await scene.ack(...(await scene.pull(2)))
      await scene.publish(event('3', 'a'), event('4', 'a'), event('5', 'b'))
      assertEqual(ids(await scene.pullNow()), [], 'all wait for their interval')
      scene.broker = await context.crash!()
      const early = await scene.pull(2)
      assertEqual(ids(early).toSorted(), ['4', '5'], 'the newest of each')
      await scene.ack(...early)
      await scene.publish(event('6', 'a'))
      assertEqual(ids(await scene.pullNow()), [], 'and then one per interval')
    },
  },
  {
    name: 'policies that contradict coalescing are refused',
    async run(context) {
      const scene = await open(context)
      const { policy } = await scene.broker.subscription(context.caller, subscription)
      assertEqual([policy.coalesce, policy.onDeadLetter], [coalesced.coalesce, 'supersede'], 'the policy as described')
      const wrong: readonly SubscriptionPolicy[] = [
        { ...coalesced, onDeadLetter: 'park' },
        { ...coalesced, onDeadLetter: 'continue' },
        { ...coalesced, delayMs: 1_000 },
        { coalesce: { intervalMs: -1 } },
        { coalesce: { intervalMs: 86_400_001 } },
        { coalesce: { intervalMs: 1, urgent: { types: [] } } },
      ]
      for (const each of wrong) {
        await assertRejects(scene.subscribe({ policy: each }), 'bad-request', JSON.stringify(each))
      }
      await scene.broker.putTopic(context.caller, { topic: 'shop.tasks', kind: 'task', owner: 'shop' })
      const tasks = { subscription: 'shop.work', topic: 'shop.tasks', from: 'beginning', policy: coalesced } as const
      await assertRejects(scene.broker.putSubscription(context.caller, tasks), 'bad-request', 'tasks')
      assertEqual((await scene.broker.subscription(context.caller, subscription)).topic, topic, 'nothing changed')
    },
  },
]
