import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import { formatSequence, type Event } from '../../event/index.ts'
import type { HistoricEvent, HistoryAnswer, HistoryRequest } from '../port/events.ts'
import { event as eventOf, type BrokerCase, type BrokerContext } from './case.ts'

const topic = 'crm.customer'
const events = 'shop.order-placed'

/** What a topic holds of some keys. */
export const historyCases: readonly BrokerCase[] = [
  {
    name: 'history() finds the events of the keys, the newest first, stale ones marked',
    async run(context) {
      await open(context)
      await publish(context, version('a', 1), version('b', 1), version('a', 3), version('a', 2), version('c', 1))
      const { events: found, next, trimmed } = await ask(context, { keys: ['a', 'c', 'never'] })
      assertEqual(
        found.map(({ event: { key, sequence }, stale }) => [key, sequence, stale]),
        [
          ['c', formatSequence(1), undefined],
          ['a', formatSequence(2), true],
          ['a', formatSequence(3), undefined],
          ['a', formatSequence(1), undefined],
        ],
        'those of the keys and no others',
      )
      assertEqual([next, trimmed], [undefined, undefined], 'nothing is older, nothing is gone')
    },
  },
  {
    name: 'history() knows the newest event of a key of an entity however much stands behind it',
    async run(context) {
      await open(context)
      await publish(context, version('a', 1), version('a', 2), ...noise(30))
      const first = await ask(context, { keys: ['a', 'n3'], scan: 0 })
      assertEqual(names(first.events), ['n3 1', 'a 2'], 'from an index')
      const second = await ask(context, { keys: ['a'], scan: 31 })
      assertEqual(names(second.events), ['a 2'], 'once')
      const third = await ask(context, { keys: ['a'], before: second.next! })
      assertEqual(names(third.events), ['a 1'], 'what is older follows where the answer before ended')
      assertEqual(third.next, undefined, 'the beginning')
    },
  },
  {
    name: 'history() scans a topic of events from its end',
    async run(context) {
      const { broker, caller } = context
      await broker.putTopic(caller, { topic: events, kind: 'event', owner: 'shop' })
      const published = ['a', 'b', 'a', 'c'].map((key, index) => ({ event: eventOf(String(index), key) }))
      await broker.publish(caller, { topic: events, events: published })
      const near = await broker.history(caller, { topic: events, keys: ['a'], scan: 2 })
      assertEqual(ids(near.events), ['2'], 'as far as it was told to')
      const far = await broker.history(caller, { topic: events, keys: ['a'], before: near.next! })
      assertEqual(ids(far.events), ['0'], 'and on')
    },
  },
  {
    name: 'history() says that a payload was erased, and gives none',
    async run(context) {
      await open(context)
      await publish(context, version('a', 1))
      await context.broker.erase(context.caller, { topic, key: 'a' })
      const { events: found } = await ask(context, { keys: ['a'] })
      assertEqual(
        found.map(({ event: { type, data }, erased }) => [type, data, erased]),
        [
          [`${topic}.deleted`, undefined, undefined],
          [`${topic}.updated`, undefined, true],
        ],
        'the tombstone and what is left of the state',
      )
    },
  },
  {
    name: 'history() refuses no key, a key twice and a position of another life',
    async run(context) {
      await open(context)
      await publish(context, version('a', 1))
      await assertRejects(ask(context, { keys: [] }), 'bad-request', 'no key')
      await assertRejects(ask(context, { keys: ['a', 'a'] }), 'bad-request', 'a key twice')
      await assertRejects(ask(context, { keys: ['a'], before: 'other.1' }), 'position-unknown', 'another life')
    },
  },
]

async function open({ broker, caller }: BrokerContext): Promise<void> {
  await broker.putTopic(caller, { topic, kind: 'entity', owner: 'crm' })
}

function ask({ broker, caller }: BrokerContext, request: Omit<HistoryRequest, 'topic'>): Promise<HistoryAnswer> {
  return broker.history(caller, { topic, ...request })
}

async function publish({ broker, caller }: BrokerContext, ...published: readonly Event[]): Promise<void> {
  await broker.publish(caller, { topic, events: published.map((event) => ({ event })) })
}

function version(key: string, sequence: number): Event {
  return {
    id: `${key}-${sequence}`,
    source: '/crm',
    type: `${topic}.updated`,
    key,
    sequence: formatSequence(sequence),
    data: new TextEncoder().encode(JSON.stringify({ id: key, sequence })),
  }
}

function noise(count: number): readonly Event[] {
  return Array.from({ length: count }, (_, index) => version(`n${index}`, 1))
}

function names(found: readonly HistoricEvent[]): readonly string[] {
  return found.map(({ event }) => `${event.key} ${Number(event.sequence)}`)
}

function ids(found: readonly HistoricEvent[]): readonly string[] {
  return found.map(({ event }) => event.id)
}
