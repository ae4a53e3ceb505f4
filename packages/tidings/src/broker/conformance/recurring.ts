import { assertEqual } from '../../engine/conformance/assert.ts'
import { systemEnvironment } from '../../environment/index.ts'
import type { ErrorCode } from '../../errors.ts'
import type { ScheduleDefinition } from '../port/schedules.ts'
import { eventually, ids, Scene, topic, type BrokerCase } from './case.ts'

const schedule = 'shop.tick'
const everySecond: ScheduleDefinition = {
  schedule,
  topic,
  expression: '* * * * * *',
  event: { type: topic, key: 'a', data: new TextEncoder().encode('{"n":9223372036854775807}') },
}
const daily: ScheduleDefinition = { ...everySecond, schedule: 'shop.daily', expression: '0 8 * * *' }

export const recurringCases: readonly BrokerCase[] = [
  {
    name: 'a schedule publishes at each due time: its name is the source, the due time the id, never early',
    async run(context) {
      const scene = await Scene.open(context)
      // The `next` of the answer may be another one by the time that it is answered.
      const putAt = systemEnvironment.clock.now()
      const { next } = await scene.broker.putSchedule(context.caller, everySecond)
      assertEqual(next! % 1_000, 0, 'a whole second')
      const [first] = await scene.pull(1, 10_000)
      await scene.ack(first!)
      const [second] = await scene.pull(1, 10_000)
      for (const { event, appendedAt } of [first!, second!]) {
        const due = Date.parse(event.id)
        assertEqual([event.source, event.type, event.key, event.time], [schedule, topic, 'a', event.id], 'attributes')
        assertEqual(new TextDecoder().decode(event.data), '{"n":9223372036854775807}', 'the payload, byte for byte')
        assertEqual(new Date(due).toISOString(), event.id, 'the due time')
        assertEqual(appendedAt >= due, true, 'not early')
      }
      assertEqual(Date.parse(first!.event.id) >= putAt, true, 'nothing from before it was put')
      assertEqual(first!.event.id < second!.event.id, true, 'in order')
      const listed = await scene.broker.schedules(context.caller)
      assertEqual(
        listed.map((each) => [each.schedule, each.timeZone, each.catchUp, new TextDecoder().decode(each.event.data)]),
        [[schedule, 'UTC', 'newest', '{"n":9223372036854775807}']],
        'the list',
      )
      assertEqual(listed[0]!.last! >= Date.parse(second!.event.id), true, 'what was published last')
    },
  },
  {
    name: 'a due time is published once, by however many servers of one store and after a crash',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.broker.putSchedule(context.caller, everySecond)
      const published = async (): Promise<string[]> => {
        const { events } = await scene.broker.read(context.caller, { topic })
        return events.map(({ event }) => event.id)
      }
      await eventually(async () => (await published()).length >= 1, 'the first due time')
      for (let restart = 0; restart < 2; restart++) {
        scene.broker = await context.crash!()
        const before = (await published()).length
        await eventually(async () => (await published()).length > before, 'the schedule goes on after a crash')
      }
      const found = await published()
      assertEqual(found.toSorted(), [...new Set(found)].toSorted(), 'each due time once')
    },
  },
  {
    name: 'removeSchedule() ends a schedule; what it published stays',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.broker.putSchedule(context.caller, everySecond)
      const [first] = await scene.pull(1, 10_000)
      await scene.broker.removeSchedule(context.caller, schedule)
      assertEqual(await scene.broker.schedules(context.caller), [], 'the list')
      const { head } = await scene.broker.topic(context.caller, topic)
      await scene.ack(first!)
      // A schedule of every second would have published again within this wait.
      const nothing = await scene.broker.pull(context.caller, { subscription: 'mail.thanks', max: 100, waitMs: 100 })
      await scene.ack(...nothing.deliveries)
      assertEqual(ids(await scene.pull(1, 2_500)), [], 'no more')
      assertEqual((await scene.broker.topic(context.caller, topic)).head, head, 'the topic')
      assertEqual(await codeOf(scene.broker.removeSchedule(context.caller, schedule)), 'schedule-unknown', 'again')
    },
  },
  {
    name: 'putSchedule() refuses what could never be published',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.broker.putTopic(context.caller, { topic: 'shop.customer', kind: 'entity', owner: 'shop' })
      const put = (change: Partial<ScheduleDefinition>) =>
        codeOf(scene.broker.putSchedule(context.caller, { ...daily, ...change }))
      assertEqual(await put({ expression: 'every now and then' }), 'bad-request', 'no expression')
      assertEqual(await put({ expression: '0 0 30 2 *' }), 'bad-request', 'never due')
      assertEqual(await put({ timeZone: 'Mars/Base' }), 'bad-request', 'no time zone')
      assertEqual(await put({ schedule: 'daily' }), 'name-invalid', 'a name without a service')
      assertEqual(await put({ topic: 'shop.nothing' }), 'topic-unknown', 'no topic')
      assertEqual(await put({ topic: 'shop.customer' }), 'bad-request', 'a topic of entities')
      assertEqual(await put({ event: { type: topic, key: '' } }), 'key-invalid', 'a key that is none')
      assertEqual(await scene.broker.schedules(context.caller), [], 'nothing is kept')
    },
  },
  {
    name: 'removing a topic removes the schedules that publish to it',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.broker.putSchedule(context.caller, daily)
      const [listed] = await scene.broker.schedules(context.caller)
      assertEqual(listed!.next! > systemEnvironment.clock.now(), true, 'when it is due next')
      await scene.broker.removeTopic(context.caller, topic)
      assertEqual(await scene.broker.schedules(context.caller), [], 'the list')
    },
  },
  {
    name: 'nobody else publishes as one of the producers of the broker',
    async run(context) {
      const scene = await Scene.open(context)
      const producer = { id: `$schedule.${schedule}`, epoch: 1, counter: Date.UTC(2100, 0) }
      const event = { id: '1', source: '/x', type: topic }
      const [answer] = await scene.broker.publish(context.caller, { topic, events: [{ event, producer }] })
      assertEqual(answer?.status === 'refused' && answer.code, 'forbidden', 'the answer')
    },
  },
]

async function codeOf(call: Promise<unknown>): Promise<ErrorCode | 'accepted'> {
  return call.then(
    () => 'accepted',
    (error: unknown) => (error as { code: ErrorCode }).code,
  )
}
