import { assert, assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { formatSequence, type Event } from '../../event/index.ts'
import { consume, topic as eventTopic, type BrokerCase, type BrokerContext } from './case.ts'

const topic = 'crm.customer'

export const entityCases: readonly BrokerCase[] = [
  {
    name: 'latest() lists the newest event of every key, tombstones included, over all pages',
    async run(context) {
      await open(context)
      const keys = Array.from({ length: 25 }, (_, index) => `c${index}`)
      await publish(context, ...keys.map((key) => customer(key, 1)))
      await publish(context, customer('c3', 2), customer('c4', 2, 'deleted'))
      const { events } = await listAll(context, 10)
      assertEqual(events.map(({ key }) => key!).sort(), [...keys].sort(), 'every key once')
      assertEqual(events.find(({ key }) => key === 'c3')?.sequence, formatSequence(2), 'the newest of c3')
      assertEqual(events.find(({ key }) => key === 'c4')?.type, `${topic}.deleted`, 'the tombstone of c4')
    },
  },
  {
    name: 'a stale version is told so, is not delivered and leaves latest() alone',
    async run(context) {
      const { broker, caller } = context
      await open(context)
      await broker.putSubscription(caller, { subscription: 'mail.copy', topic, from: 'beginning' })
      await publish(context, customer('c1', 5))
      const [answer] = await publish(context, customer('c1', 4))
      assert(answer?.status === 'stored' && answer.stale === true, 'the answer says stale')
      await publish(context, customer('c1', 6))
      const deliveries = await consume(context, 'mail.copy', 2)
      assertEqual(
        deliveries.map(({ event }) => event.sequence),
        [5, 6].map(formatSequence),
        'only newer versions are delivered',
      )
      assertEqual(
        (await listAll(context, 10)).events.map(({ sequence }) => sequence),
        [formatSequence(6)],
        'latest',
      )
    },
  },
  {
    name: 'a raised sourceepoch wins over every sequence of before',
    async run(context) {
      await open(context)
      await publish(context, customer('c1', 500))
      const [answer] = await publish(context, { ...customer('c1', 1), sourceepoch: 1 })
      assert(answer?.status === 'stored' && answer.stale === undefined, 'the restored owner is newer')
    },
  },
  {
    name: 'entity events without a sequence get the one of their place',
    async run(context) {
      const { broker, caller } = context
      await open(context)
      const { sequence: _, ...plain } = customer('c1', 1)
      await publish(context, plain, { ...plain, id: 'second' })
      const { events } = await broker.read(caller, { topic })
      const [first, second] = events.map(({ event }) => event.sequence)
      assert(
        first !== undefined && second !== undefined && first < second && first.length === 20,
        'both have a growing sequence',
      )
    },
  },
  {
    name: 'an entity event without a key or of a foreign type is refused',
    async run(context) {
      await open(context)
      const { key: _, ...keyless } = customer('c1', 1)
      const answers = await publish(context, keyless, { ...customer('c2', 1), type: 'crm.customer.renamed' })
      assertEqual(
        answers.map((answer) => answer.status === 'refused' && answer.code),
        ['event-invalid', 'event-invalid'],
        'both',
      )
    },
  },
  {
    name: 'latest() of an event topic is refused',
    async run({ broker, caller }) {
      await broker.putTopic(caller, { topic: eventTopic, kind: 'event', owner: 'shop' })
      await assertRejects(broker.latest(caller, { topic: eventTopic }), 'bad-request', 'there is no newest state')
    },
  },
]

async function open({ broker, caller }: BrokerContext): Promise<void> {
  await broker.putTopic(caller, { topic, kind: 'entity', owner: 'crm' })
}

function customer(key: string, version: number, change = 'updated'): Event {
  return {
    id: `${key}-${version}`,
    source: '/crm',
    type: `${topic}.${change}`,
    key,
    sequence: formatSequence(version),
    data: new TextEncoder().encode(JSON.stringify({ id: key, version })),
  }
}

function publish({ broker, caller }: BrokerContext, ...events: Event[]) {
  return broker.publish(caller, { topic, events: events.map((event) => ({ event })) })
}

async function listAll({ broker, caller }: BrokerContext, limit: number): Promise<{ events: Event[] }> {
  const events: Event[] = []
  let cursor: string | undefined
  do {
    const page = await broker.latest(caller, { topic, limit, ...(cursor === undefined ? {} : { cursor }) })
    assert(page.events.length <= limit, 'a page keeps its limit')
    events.push(...page.events.map(({ event }) => event))
    cursor = page.next
  } while (cursor !== undefined)
  return { events }
}
