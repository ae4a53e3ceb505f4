import { assert, assertEqual } from './assert.ts'
import type { EngineCase } from './case.ts'
import { append, bytesOf, duplicate, eventLog, eventOf, idsOf, outcomes, stored, topic } from './scene.ts'

/** One identity, one event: duplicates, conflicts and the window. */
export const logIdentityCases: readonly EngineCase[] = [
  {
    name: 'append() answers a known identity as a duplicate with its first position',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'), eventOf('2'), eventOf('3'))
      const again = { subject: 'other', time: '2024-01-01T00:00:00Z' }
      assertEqual(
        await append(engine, eventOf('2', again), eventOf('1')),
        [duplicate(2), duplicate(1)],
        'the first positions',
      )
      assertEqual(await idsOf(engine), ['1', '2', '3'], 'nothing was stored again')
    },
  },
  {
    name: 'append() sees duplicates within one call',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      const answers = await append(
        engine,
        eventOf('1'),
        eventOf('1'),
        eventOf('2'),
        eventOf('1', { data: bytesOf('other') }),
      )
      assertEqual(
        answers.slice(0, 3),
        [stored(1), duplicate(1), stored(2)],
        'the second of a kind is a duplicate of the first',
      )
      assertEqual(outcomes(answers)[3], 'id-conflict', 'and another content a conflict')
      assertEqual(await idsOf(engine), ['1', '2'], 'each is stored once')
    },
  },
  {
    name: 'append() sees duplicates among calls at once',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      const answers = await Promise.all([1, 2, 3, 4, 5].map(() => append(engine, eventOf('1'))))
      assertEqual(
        answers.flatMap(outcomes).sort(),
        ['duplicate', 'duplicate', 'duplicate', 'duplicate', 'stored'],
        'one was stored',
      )
      assertEqual(await idsOf(engine), ['1'], 'the log has it once')
    },
  },
  {
    name: 'append() refuses another payload under a known identity',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      const withoutData = { id: '1', source: '/crm', type: 'crm.customer.updated', key: 'k' }
      await append(engine, eventOf('1', { key: 'k' }))
      const reopened = await reopen()
      const others = [bytesOf('{"id":"2"}'), bytesOf('{"id":"1"} '), new Uint8Array()].map((data) =>
        eventOf('1', { key: 'k', data }),
      )
      for (const other of [...others, withoutData]) {
        assertEqual(outcomes(await append(reopened, other)), ['id-conflict'], 'a different payload is a conflict')
      }
      assertEqual(
        outcomes(await append(reopened, eventOf('1', { key: 'k' }))),
        ['duplicate'],
        'the same payload is a duplicate',
      )
    },
  },
  {
    name: 'append() refuses another type or key under a known identity',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1', { key: 'k' }))
      const others = [
        eventOf('1', { key: 'l' }),
        eventOf('1'),
        eventOf('1', { key: 'k', type: 'crm.customer.created' }),
      ]
      for (const other of others)
        assertEqual(outcomes(await append(engine, other)), ['id-conflict'], 'it is another event')
    },
  },
  {
    name: 'append() keeps events of one id from different sources',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      const sources = ['/crm', '/sales', '/crm/1', '/CRM']
      const answers = await append(engine, ...sources.map((source) => eventOf('1', { source })))
      assertEqual(
        answers,
        [1, 2, 3, 4].map((offset) => stored(offset)),
        'source and id together are the identity',
      )
      const shifted = await append(engine, eventOf('23', { source: '/1' }), eventOf('3', { source: '/12' }))
      assertEqual(shifted, [stored(5), stored(6)], 'wherever one ends and the other begins')
    },
  },
  {
    name: 'the deduplication window holds the newest maxIds identities',
    async run({ engine, deduplication: { maxIds } }) {
      await engine.log.create(topic, eventLog)
      const ids = Array.from({ length: maxIds + 5 }, (_, index) => String(index))
      for (const id of ids) await append(engine, eventOf(id))
      assertEqual((await engine.log.describe(topic))?.deduplication.ids, maxIds, 'describe() says how many')
      for (const [index, id] of ids.entries()) {
        if (index < 5) continue
        assertEqual(await append(engine, eventOf(id)), [duplicate(index + 1)], 'an identity within the window is known')
      }
      assertEqual(outcomes(await append(engine, eventOf('0'))), ['stored'], 'one that left the window is not')
    },
  },
  {
    name: 'the deduplication window holds identities for maxAgeMs',
    async run({ engine, advance, deduplication: { maxAgeMs } }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'))
      advance(maxAgeMs / 2)
      await append(engine, eventOf('2'))
      assertEqual(outcomes(await append(engine, eventOf('1'))), ['duplicate'], 'within the window it is known')
      advance(maxAgeMs / 2 + 5_000)
      assertEqual((await engine.log.describe(topic))?.deduplication.ids, 1, 'describe() says how many are left')
      assertEqual(
        outcomes(await append(engine, eventOf('1'), eventOf('2'))),
        ['stored', 'duplicate'],
        'older ones are forgotten',
      )
    },
  },
  {
    name: 'the deduplication window survives a restart',
    async run({ engine, reopen, advance, deduplication: { maxIds, maxAgeMs } }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('old'))
      advance(maxAgeMs + 5_000)
      const ids = Array.from({ length: maxIds - 2 }, (_, index) => String(index))
      await append(engine, ...ids.map((id) => eventOf(id)))
      const reopened = await reopen()
      const answers = await append(reopened, ...ids.map((id) => eventOf(id)))
      assertEqual(
        answers,
        ids.map((_, index) => duplicate(index + 2)),
        'each identity within the window is known with its position',
      )
      assertEqual((await reopened.log.describe(topic))?.deduplication.ids, ids.length, 'and no more than those')
      assert(outcomes(await append(reopened, eventOf('old')))[0] === 'stored', 'older ones are forgotten')
    },
  },
]
