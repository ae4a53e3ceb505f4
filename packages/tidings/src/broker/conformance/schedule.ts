import { assertEqual } from '../../engine/conformance/assert.ts'
import { sleep, systemEnvironment } from '../../environment/index.ts'
import type { Event } from '../../event/index.ts'
import { event, ids, Scene, subscription, topic, type BrokerCase } from './case.ts'

const hourMs = 3_600_000
const wallClock = (): number => systemEnvironment.clock.now()

/** An event that is due so many milliseconds from now. */
function later(id: string, key: string, delayMs: number): Event {
  return event(id, key, { extensions: { deliverat: new Date(wallClock() + delayMs).toISOString() } })
}

export const scheduleCases: readonly BrokerCase[] = [
  {
    name: 'an event with `deliverat` comes when it is due and not before, and its key does not wait for it',
    async run(context) {
      const scene = await Scene.open(context)
      const scheduled = later('1', 'a', 1_500)
      await scene.publish(scheduled, event('2', 'a'))
      const [first] = await scene.pull(1)
      assertEqual(first?.event.id, '2', 'the later event of the key goes on')
      await scene.ack(first!)
      const [due] = await scene.pull(1, 10_000)
      assertEqual(due?.event.id, '1', 'the event that was scheduled')
      const early = Date.parse(String(scheduled.extensions?.deliverat)) - wallClock()
      assertEqual(early > 50, false, 'it does not come early')
      await scene.ack(due!)
    },
  },
  {
    name: 'a subscription with `delayMs` gets every event so much later, each key in order',
    async run(context) {
      const scene = await Scene.open(context, { policy: { delayMs: 1_000 } })
      const publishedAt = wallClock()
      await scene.publish(event('1', 'a'), event('2', 'a'), event('3', 'b'))
      const deliveries = await scene.pull(3, 10_000)
      assertEqual(wallClock() - publishedAt >= 950, true, 'nothing comes before its time')
      assertEqual(
        ids(deliveries).filter((id) => id !== '3'),
        ['1', '2'],
        'the key a',
      )
      assertEqual(deliveries.length, 3, 'all have come')
    },
  },
  {
    name: 'scheduled() lists what waits for its time, the first due first; cancel() takes it back once',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(later('next-year', 'a', 8_760 * hourMs), later('tomorrow', 'b', 24 * hourMs))
      const list = () => scene.broker.scheduled(context.caller, { subscription })
      const { scheduled } = await until(list, ({ scheduled: found }) => found.length === 2)
      assertEqual(
        scheduled.map((each) => each.event.id),
        ['tomorrow', 'next-year'],
        'in the order in which they are due',
      )
      assertEqual(new TextDecoder().decode(scheduled[0]?.event.data), '{"id":"tomorrow"}', 'its payload')
      const page = await scene.broker.scheduled(context.caller, { subscription, limit: 1 })
      const rest = await scene.broker.scheduled(context.caller, { subscription, limit: 1, cursor: page.next! })
      assertEqual([page.scheduled[0]?.event.id, rest.scheduled[0]?.event.id], ['tomorrow', 'next-year'], 'by pages')
      const { position } = scheduled[1]!
      const explained = await scene.broker.explain(context.caller, { subscription, event: { position } })
      assertEqual(explained.state, 'scheduled', 'explain() says so')
      const cancel = async () => (await scene.broker.cancel(context.caller, { subscription, positions: [position] }))[0]
      assertEqual((await cancel())?.status, 'cancelled', 'the first time')
      const again = await cancel()
      assertEqual(again?.status === 'refused' && again.code, 'scheduled-unknown', 'the second time')
      const stats = await scene.broker.stats(context.caller, subscription)
      assertEqual([stats.scheduled, stats.discarded, stats.pending], [1, 1, 1], 'the counts')
    },
  },
  {
    name: 'what is scheduled survives a crash of the broker, and comes once',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(later('1', 'a', 1_000), later('2', 'b', 24 * hourMs))
      await until(
        () => scene.broker.stats(context.caller, subscription),
        ({ scheduled }) => scheduled === 2,
      )
      scene.broker = await context.crash!()
      const deliveries = await scene.pull(1, 10_000)
      assertEqual(ids(deliveries), ['1'], 'the one that is due')
      await scene.ack(...deliveries)
      assertEqual(ids(await scene.pullNow()), [], 'nothing else')
      assertEqual((await scene.broker.stats(context.caller, subscription)).scheduled, 1, 'the other one waits')
    },
  },
  {
    name: 'a `deliverat` that is no time is refused, and so is one on an entity',
    async run(context) {
      const scene = await Scene.open(context)
      const [broken] = await scene.broker.publish(context.caller, {
        topic,
        events: [{ event: event('1', 'a', { extensions: { deliverat: 'tomorrow' } }) }],
      })
      assertEqual(broken?.status === 'refused' && broken.code, 'event-invalid', 'not a time')
      await scene.broker.putTopic(context.caller, { topic: 'shop.customer', kind: 'entity', owner: 'shop' })
      const [entity] = await scene.broker.publish(context.caller, {
        topic: 'shop.customer',
        events: [{ event: { ...later('1', 'a', hourMs), type: 'shop.customer.updated' } }],
      })
      assertEqual(entity?.status === 'refused' && entity.code, 'event-invalid', 'an entity')
    },
  },
]

async function until<Value>(read: () => Promise<Value>, holds: (value: Value) => boolean): Promise<Value> {
  const limit = systemEnvironment.clock.monotonic() + 10_000
  for (;;) {
    const value = await read()
    if (holds(value)) return value
    if (systemEnvironment.clock.monotonic() > limit) throw new Error('Required within ten seconds: what was scheduled.')
    await sleep(systemEnvironment, 10)
  }
}
