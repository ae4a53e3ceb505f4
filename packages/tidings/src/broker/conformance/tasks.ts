import { assertEqual } from '../../engine/conformance/assert.ts'
import type { Outcome } from '../port/deliveries.ts'
import { eventually, type BrokerCase } from './case.ts'
import { answersRead, task, tasksTopic, TaskScene, work } from './task-scene.ts'

const biggerThanDouble = '{"limit":9223372036854775807}'
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data)

export const taskCases: readonly BrokerCase[] = [
  {
    name: 'whoever asked gets the result of its task, with its correlation id, and reads it like any event',
    async run(context) {
      const scene = await TaskScene.open(context)
      await scene.send(task('1', { key: 'c1' }, { correlationid: 'order-7', traceparent: '00-a-b-01' }))
      const delivery = await scene.take('1')
      const result = { datacontenttype: 'application/json', data: new TextEncoder().encode(biggerThanDouble) }
      assertEqual(await scene.settle(delivery, { action: 'ack', result }), 'settled', 'the settle')
      const [{ event, lease } = { event: undefined, lease: '' }] = (
        await scene.broker.pull(context.caller, { subscription: answersRead, max: 10, waitMs: 10_000 })
      ).deliveries
      assertEqual(
        [event?.type, event?.source, event?.id, event?.key, event?.datacontenttype, text(event?.data)],
        [`${tasksTopic}.accepted`, work, delivery.position, 'c1', 'application/json', biggerThanDouble],
        'the answer',
      )
      const { correlationid, causationid, traceparent } = event?.extensions ?? {}
      assertEqual([correlationid, causationid, traceparent], ['order-7', '1', '00-a-b-01'], 'what it belongs to')
      const acknowledged = await scene.broker.settle(context.caller, {
        subscription: answersRead,
        outcomes: [{ lease, action: 'ack' }],
      })
      assertEqual(acknowledged[0]?.status, 'settled', 'the answer is an event like any other')
    },
  },
  {
    name: 'a refused task is finished, and its requester is told why; without a correlation id that is its own',
    async run(context) {
      const scene = await TaskScene.open(context)
      await scene.send(task('1'))
      assertEqual(
        await scene.settle(await scene.take('1'), { action: 'refuse', reason: 'no credit' }),
        'settled',
        'the settle',
      )
      const [answer] = await scene.answers()
      assertEqual([answer?.type, text(answer?.data)], [`${tasksTopic}.refused`, '{"reason":"no credit"}'], 'the answer')
      assertEqual(answer?.extensions, { correlationid: '1', causationid: '1' }, 'what it belongs to')
      const { acknowledged, dead, pending } = await scene.broker.stats(context.caller, work)
      assertEqual([acknowledged, dead, pending], [1, 0, 0], 'the task')
    },
  },
  {
    name: 'a task that asks for no answer gives none; refused, it becomes a dead letter with the reason',
    async run(context) {
      const scene = await TaskScene.open(context)
      const plain = { source: 'tester', type: tasksTopic, key: 'a' }
      await scene.send({ ...plain, id: '1' }, { ...plain, id: '2' })
      await scene.settle(await scene.take('1'), { action: 'ack', result: { data: new Uint8Array([1]) } })
      await scene.settle(await scene.take('2'), { action: 'refuse', reason: 'no credit' })
      assertEqual(await scene.answers(), [], 'the answers')
      const { deadLetters } = await scene.broker.deadLetters(context.caller, { subscription: work })
      assertEqual(
        deadLetters.map(({ reason }) => reason),
        ['no credit'],
        'the dead letters',
      )
    },
  },
  {
    name: 'a task that failed is undecided until an operator decides: redriven it is answered, discarded it is refused',
    async run(context) {
      const scene = await TaskScene.open(context)
      for (const id of ['1', '2']) {
        await scene.send(task(id))
        await scene.settle(await scene.take(id), { action: 'dead-letter', reason: 'broken' })
      }
      assertEqual(await scene.answers(), [], 'no answer yet')
      const { deadLetters } = await scene.broker.deadLetters(context.caller, { subscription: work })
      const [first, second] = deadLetters.map(({ position }) => position)
      await scene.broker.redrive(context.caller, { subscription: work, positions: [first!] })
      await scene.settle(await scene.take('1'), { action: 'ack' })
      await scene.broker.discard(context.caller, { subscription: work, positions: [second!] })
      await scene.broker.discard(context.caller, { subscription: work, positions: [second!] })
      assertEqual(
        (await scene.answers()).map(({ type, extensions }) => [type, extensions?.['causationid']]),
        [
          [`${tasksTopic}.accepted`, '1'],
          [`${tasksTopic}.refused`, '2'],
        ],
        'one answer each',
      )
    },
  },
  {
    name: 'whoever lost its lease answers nothing; the next one does, and a second settle changes nothing',
    async run(context) {
      const scene = await TaskScene.open(context)
      await scene.send(task('1'))
      const { deliveries } = await scene.broker.pull(context.caller, {
        subscription: work,
        leaseMs: 1_000,
        waitMs: 10_000,
      })
      const again = await scene.take('1')
      assertEqual(await scene.settle(deliveries[0]!, { action: 'ack' }), 'lease-lost', 'the first holder')
      assertEqual(await scene.answers(), [], 'no answer')
      const result = { data: new TextEncoder().encode('"second"') }
      assertEqual(await scene.settle(again, { action: 'ack', result }), 'settled', 'the second holder')
      assertEqual(await scene.settle(again, { action: 'refuse', reason: 'no' }), 'lease-lost', 'once more')
      assertEqual(
        (await scene.answers()).map(({ data }) => text(data)),
        ['"second"'],
        'one answer',
      )
    },
  },
  {
    name: 'answers outlive a crash right after their settle, each once and in order, and none is lost',
    restarts: true,
    async run(context) {
      // A lease that ends on a slow machine is an attempt; none is to be the last.
      const scene = await TaskScene.open(context, { maxAttempts: 20 })
      const count = 12
      const given = Array.from({ length: count }, (_, index) => task(`${index}`, { key: `k${index % 3}` }))
      await scene.send(...given)
      for (let left = count; left > 0; left -= 2) {
        const { deliveries } = await scene.broker.pull(context.caller, {
          subscription: work,
          max: 2,
          waitMs: 10_000,
          leaseMs: 1_000,
        })
        const outcomes = deliveries.map(({ lease }): Outcome => ({ lease, action: 'ack' }))
        // Nobody waits for this one: the crash comes before, within or after it.
        const settling = scene.broker.settle(context.caller, { subscription: work, outcomes }).catch(() => undefined)
        if (left % 4 === 0) await settling
        scene.broker = await context.crash!()
      }
      await eventually(async () => {
        const { deliveries } = await scene.broker.pull(context.caller, {
          subscription: work,
          max: 100,
          waitMs: 1_000,
          leaseMs: 1_000,
        })
        await scene.broker.settle(context.caller, {
          subscription: work,
          outcomes: deliveries.map(({ lease }): Outcome => ({ lease, action: 'ack' })),
        })
        return (await scene.broker.stats(context.caller, work)).pending === 0
      }, 'all tasks are done')
      await eventually(async () => (await scene.answers()).length >= count, 'all answers')
      const caused = (await scene.answers()).map(({ extensions }) => Number(extensions?.['causationid']))
      assertEqual(
        caused.toSorted((left, right) => left - right),
        given.map((_, index) => index),
        'each once',
      )
      for (const rest of [0, 1, 2]) {
        const ofKey = caused.filter((number) => number % 3 === rest)
        assertEqual(
          ofKey,
          ofKey.toSorted((left, right) => left - right),
          'in the order of their key',
        )
      }
    },
  },
  {
    name: 'an operator who has acknowledged tasks delivered again makes no second answer',
    async run(context) {
      const scene = await TaskScene.open(context)
      await scene.send(task('1'))
      await scene.settle(await scene.take('1'), { action: 'ack' })
      await scene.broker.seek(context.caller, { subscription: work, to: 'beginning', effects: 'run' })
      assertEqual(await scene.settle(await scene.take('1'), { action: 'ack' }), 'settled', 'the replay')
      assertEqual((await scene.answers()).length, 1, 'the answers')
    },
  },
]
