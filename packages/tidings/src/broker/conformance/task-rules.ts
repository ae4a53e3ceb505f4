import { assertEqual } from '../../engine/conformance/assert.ts'
import type { ErrorCode } from '../../errors.ts'
import type { BrokerCase } from './case.ts'
import { answersRead, codeOf, replies, task, tasksTopic, TaskScene, work } from './task-scene.ts'

export const taskRuleCases: readonly BrokerCase[] = [
  {
    name: 'a task whose answer nobody could get is refused when it is published',
    async run(context) {
      const scene = await TaskScene.open(context)
      const { broker, caller } = scene
      await broker.putTopic(caller, { topic: 'tester.plain', kind: 'event', owner: caller.principal })
      await broker.putTopic(caller, { topic: 'other.replies', kind: 'event', owner: 'other', replies: true })
      const codes: Readonly<Record<string, ErrorCode | 'stored'>> = {
        [replies]: 'stored',
        'tester.nothing': 'topic-unknown',
        'tester.plain': 'event-invalid',
        'other.replies': 'forbidden',
        'Not a name': 'topic-unknown',
      }
      const answers = await scene.send(...Object.keys(codes).map((replyto) => task(replyto, {}, { replyto })))
      assertEqual(
        answers.map((answer) => (answer.status === 'refused' ? answer.code : answer.status)),
        Object.values(codes),
        'the answers',
      )
    },
  },
  {
    name: 'only the broker appends to a topic for answers, and only its owner subscribes to it or to a task topic',
    async run(context) {
      const { broker, caller } = await TaskScene.open(context)
      const event = { id: '1', source: 'tester', type: 'x' }
      const [answer] = await broker.publish(caller, { topic: replies, events: [{ event }] })
      assertEqual(answer?.status === 'refused' && answer.code, 'forbidden', 'a publish')
      const subscribe = (subscription: string, topic: string) =>
        codeOf(broker.putSubscription(caller, { subscription, topic, from: 'beginning' }))
      assertEqual(await subscribe('other.answers', replies), 'forbidden', 'the answers of another')
      assertEqual(await subscribe('other.work', tasksTopic), 'forbidden', 'the tasks of another')
      assertEqual(await subscribe('crm.more', tasksTopic), 'accepted', 'the owner')
    },
  },
  {
    name: 'what a topic for answers is stays as it was created',
    async run(context) {
      const { broker, caller } = await TaskScene.open(context)
      const owner = caller.principal
      const put = (topic: string, more: { kind?: 'task'; replies?: boolean; schemas?: Record<string, boolean> }) =>
        codeOf(broker.putTopic(caller, { topic, kind: 'event', owner, ...more }))
      assertEqual(await put(replies, { replies: true }), 'accepted', 'again')
      assertEqual((await broker.topic(caller, replies)).replies, true, 'its description')
      assertEqual(await put(replies, {}), 'topic-conflict', 'without')
      await put('tester.plain', {})
      assertEqual(await put('tester.plain', { replies: true }), 'topic-conflict', 'a plain one')
      assertEqual(await put('tester.tasks', { kind: 'task', replies: true }), 'bad-request', 'a task topic')
      assertEqual(await put('tester.schemas', { replies: true, schemas: { x: true } }), 'bad-request', 'with schemas')
    },
  },
  {
    name: 'the words of tasks are refused where there are none, before anything takes effect',
    async run(context) {
      const scene = await TaskScene.open(context)
      const { broker, caller } = scene
      await scene.send(task('1'))
      await scene.settle(await scene.take('1'), { action: 'ack' })
      const { deliveries } = await broker.pull(caller, { subscription: answersRead, waitMs: 10_000 })
      const { lease } = deliveries[0]!
      for (const outcome of [
        { action: 'refuse', reason: 'no' },
        { action: 'ack', result: {} },
      ] as const) {
        const settling = broker.settle(caller, { subscription: answersRead, outcomes: [{ lease, ...outcome }] })
        assertEqual(await codeOf(settling), 'bad-request', outcome.action)
      }
      assertEqual((await broker.stats(caller, answersRead)).leased, 1, 'nothing happened')
    },
  },
  {
    name: 'a result that is too large is refused before its task is settled, and a large one arrives',
    async run(context) {
      const scene = await TaskScene.open(context)
      await scene.send(task('1'))
      const delivery = await scene.take('1')
      const settle = (bytes: number) =>
        scene.settle(delivery, { action: 'ack', result: { data: new Uint8Array(bytes) } })
      assertEqual(await codeOf(settle(1_048_577)), 'payload-too-large', 'too large')
      assertEqual((await scene.broker.stats(context.caller, work)).leased, 1, 'the task')
      assertEqual(await settle(1_048_576), 'settled', 'as large as a payload may be')
      assertEqual((await scene.answers())[0]?.data?.byteLength, 1_048_576, 'the answer')
    },
  },
  {
    name: 'answers to a topic that was removed are dropped, and the work goes on',
    async run(context) {
      const scene = await TaskScene.open(context)
      await scene.send(task('1'))
      const delivery = await scene.take('1')
      await scene.broker.removeTopic(context.caller, replies)
      assertEqual(await scene.settle(delivery, { action: 'ack' }), 'settled', 'the settle')
      assertEqual((await scene.broker.stats(context.caller, work)).pending, 0, 'the work')
    },
  },
]
