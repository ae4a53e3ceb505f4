import type { Event } from '../../event/index.ts'
import { assertEqual } from './assert.ts'
import type { EngineCase } from './case.ts'
import { append, bytesOf, entityLog, eventOf, latestIds, readAll, tombstoneOf, topic } from './scene.ts'

const complete: Event = {
  id: 'complete',
  source: 'https://example.com/crm?x=1#y',
  type: 'crm.customer.created',
  key: 'k',
  subject: 'customer 7',
  time: '2024-02-29T23:59:60.123456789+01:00',
  datacontenttype: 'application/json; charset=utf-8',
  dataschema: 'urn:crm.customer:3',
  sequence: '00000000000000000012',
  sourceepoch: 4,
  extensions: {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    retries: 2147483647,
    urgent: false,
  },
  data: bytesOf('{}'),
}

const keys = [
  'a.b',
  'a..b',
  'a b',
  'a%20b',
  'a+b',
  'a/b',
  'a*b',
  'a>b',
  'a\\b',
  'a\u0000b',
  'a',
  'A',
  '',
  'é',
  'e\u0301',
  '😀',
  '\ud83d',
  '\ude00',
  '__proto__',
  'x'.repeat(511) + 'y',
  'x'.repeat(511) + 'z',
  '😀'.repeat(127) + 'abcd',
  '😀'.repeat(127) + 'abce',
  "'; drop table log --",
]

/** What goes in comes out. */
export const logContentCases: readonly EngineCase[] = [
  {
    name: 'append() keeps every attribute',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      const minimal: Event = { id: 'minimal', source: '/a', type: 't' }
      await append(engine, complete, minimal)
      const expected = [complete, minimal]
      assertEqual(
        (await readAll(engine)).map(({ event }) => event),
        expected,
        'every attribute is read back',
      )
      assertEqual(
        (await readAll(await reopen())).map(({ event }) => event),
        expected,
        'after a restart too',
      )
    },
  },
  {
    name: 'append() keeps payloads byte for byte',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      const payloads = [
        bytesOf('{"n":9223372036854775807}'),
        bytesOf('{"a":1,"a":2}'),
        bytesOf(' { "spaces" : 1.0e0 } \n'),
        bytesOf('"\\ud800"'),
        Uint8Array.from({ length: 256 }, (_, index) => index),
        Uint8Array.of(0xff, 0xfe, 0xc0, 0x80),
        new Uint8Array(100_000).fill(7),
      ]
      await append(engine, ...payloads.map((data, index) => eventOf(String(index), { key: String(index), data })))
      assertEqual(
        (await readAll(engine)).map(({ event }) => event.data),
        payloads,
        'every payload is read back',
      )
      const reopened = await reopen()
      assertEqual(
        (await readAll(reopened)).map(({ event }) => event.data),
        payloads,
        'after a restart too',
      )
    },
  },
  {
    name: 'append() tells an empty payload from none',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      await append(engine, tombstoneOf('without'), eventOf('empty', { data: new Uint8Array() }))
      const payloads = (await readAll(await reopen())).map(({ event }) => event.data ?? 'none')
      assertEqual(payloads, ['none', new Uint8Array()], 'none stays none, empty stays empty')
    },
  },
  {
    name: 'append() is not changed by what its caller does to the event later',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      const data = bytesOf('before')
      await append(engine, eventOf('1', { data }))
      data.fill(0)
      const read = (await readAll(engine))[0]!.event.data!
      assertEqual(read, bytesOf('before'), 'the stored payload is a copy')
    },
  },
  {
    name: 'keys that differ in any way keep apart',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      await append(engine, ...keys.map((key, index) => eventOf(String(index), { key, sequence: '1' })))
      const reopened = await reopen()
      assertEqual(
        (await readAll(reopened)).map(({ event }) => event.key),
        keys,
        'every key is read back as it was',
      )
      assertEqual(
        await latestIds(reopened, 5),
        keys.map((_, index) => String(index)).sort(),
        'each key has its own newest event',
      )
      const answers = await append(
        reopened,
        ...keys.map((key, index) => eventOf(`${index}-old`, { key, sequence: '0' })),
      )
      assertEqual(
        answers.every((answer) => answer.status === 'stored' && answer.stale),
        true,
        'each key has its own version',
      )
      assertEqual(await reopened.log.erase(topic, 'a.b'), 2, 'a key is erased')
      const erased = (await readAll(reopened)).filter((record) => record.erased).map(({ event }) => event.key)
      assertEqual(erased, ['a.b', 'a.b'], 'and no other with it')
    },
  },
]
