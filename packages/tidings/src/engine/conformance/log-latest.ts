import { assert, assertEqual, assertRejects } from './assert.ts'
import type { Engine } from '../port.ts'
import type { EngineCase } from './case.ts'
import { append, entityLog, eventLog, eventOf, latestIds, listLatest, tombstoneOf, topic } from './scene.ts'

/** The listing of the newest events of an entity topic. */
export const logLatestCases: readonly EngineCase[] = [
  {
    name: 'latest() lists the newest event of every key once',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      assertEqual(
        await engine.log.latest(topic, { limit: 5 }),
        { records: [], from: 0, until: 0 },
        'nothing in an empty topic',
      )
      const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
      for (const round of ['1', '2']) await append(engine, ...keys.map((key) => eventOf(key + round, { key })))
      await append(engine, eventOf('c3', { key: 'c' }), eventOf('without key'))
      const expected = ['a2', 'b2', 'c3', 'd2', 'e2', 'f2', 'g2']
      for (const limit of [1, 3, 7, 100])
        assertEqual(await latestIds(engine, limit), expected, `each key once in pages of ${limit}`)
      assertEqual(await latestIds(await reopen(), 3), expected, 'after a restart too')
    },
  },
  {
    name: 'latest() lists tombstones',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      await append(engine, eventOf('a1', { key: 'a' }), eventOf('b1', { key: 'b' }), tombstoneOf('a2', { key: 'a' }))
      assertEqual(await latestIds(engine), ['a2', 'b1'], 'a deleted entity is listed as deleted')
    },
  },
  {
    name: 'latest() of a topic that is not of entities lists nothing',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1', { key: 'a' }))
      assertEqual(
        await engine.log.latest(topic, { limit: 5 }),
        { records: [], from: 1, until: 1 },
        'events have no newest',
      )
    },
  },
  {
    name: 'latest() carries the first head from page to page and says the present one',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      await append(engine, ...['a', 'b', 'c'].map((key) => eventOf(`${key}1`, { key })))
      const first = await engine.log.latest(topic, { limit: 2 })
      assertEqual([first.from, first.until, first.records.length], [3, 3, 2], 'the first page begins at the head')
      await append(engine, eventOf('a2', { key: 'a' }))
      const second = await engine.log.latest(topic, { limit: 2, cursor: first.next! })
      assertEqual(
        [second.from, second.until, second.next],
        [3, 4, undefined],
        'the last page ends at the head of its time',
      )
    },
  },
  {
    name: 'latest() with the deltas from `from` to `until` is complete under concurrent writes',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      const keys = Array.from({ length: 30 }, (_, index) => `k${index}`)
      const truth = new Map<string, string>()
      const write = async (key: string, round: number): Promise<void> => {
        const id = `${key}/${round}`
        await append(engine, round % 3 === 2 ? tombstoneOf(id, { key }) : eventOf(id, { key }))
        truth.set(key, id)
      }
      for (const key of keys) await write(key, 0)
      const copy = new Map<string, { offset: number; id: string }>()
      let cursor: string | undefined
      let from = 0
      let until = 0
      for (let round = 1, more = true; more; round++) {
        const page = await engine.log.latest(topic, { limit: 4, ...(cursor !== undefined && { cursor }) })
        for (const { offset, event } of page.records) copy.set(event.key!, { offset, id: event.id })
        ;({ next: cursor, from, until } = page)
        more = cursor !== undefined
        // Keys before and behind the cursor, and one that did not exist.
        if (more) for (const key of [keys[round]!, keys[29 - round]!, keys[15]!, `new${round}`]) await write(key, round)
      }
      const deltas = await engine.log.read(topic, { after: from, limit: 10_000 })
      for (const { offset, event } of deltas.records) {
        if (offset <= until && offset > (copy.get(event.key!)?.offset ?? 0))
          copy.set(event.key!, { offset, id: event.id })
      }
      const ids = Object.fromEntries([...copy].map(([key, { id }]) => [key, id]))
      assertEqual(ids, Object.fromEntries(truth), 'the copy equals the newest of every key')
    },
  },
  {
    name: 'newest() finds the newest event of each of some keys',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      for (const round of ['1', '2'])
        await append(engine, ...['a', 'b', 'c'].map((key) => eventOf(key + round, { key })))
      await append(engine, tombstoneOf('b3', { key: 'b' }), eventOf('a0', { key: 'a', sequence: '0' }))
      const expected = ['a2', 'b3']
      assertEqual(await newestIds(engine, 'b', 'a', 'never'), expected, 'by version, tombstones included')
      assertEqual(await newestIds(await reopen(), 'b', 'a', 'never'), expected, 'after a restart too')
    },
  },
  {
    name: 'newest() finds nothing where no event is',
    async run({ engine }) {
      const events = { namespace: 'default', topic: 'crm.note' }
      await engine.log.create(topic, entityLog)
      await engine.log.create(events, eventLog)
      await append(engine, eventOf('a1', { key: 'a' }), tombstoneOf('a2', { key: 'a' }), eventOf('b1', { key: 'b' }))
      await engine.log.append(events, [{ event: eventOf('n1', { key: 'a' }), shard: 0 }])
      assertEqual(await engine.log.newest(events, ['a']), [], 'events have no newest')
      await engine.log.trim(topic, 2, { tombstonesBefore: Number.MAX_SAFE_INTEGER })
      assertEqual(await newestIds(engine, 'a', 'b'), ['b1'], 'of a tombstone that was trimmed nothing is left')
    },
  },
  {
    name: 'latest() keeps nothing between pages',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      await append(engine, ...['a', 'b', 'c', 'd'].map((key) => eventOf(key, { key })))
      const first = await engine.log.latest(topic, { limit: 3 })
      const reopened = await reopen()
      const second = await reopened.log.latest(topic, { limit: 3, cursor: first.next! })
      const ids = [...first.records, ...second.records].map(({ event }) => event.id).sort()
      assertEqual(ids, ['a', 'b', 'c', 'd'], 'a cursor goes on after a restart')
      assertEqual(second.from, 4, 'and still says where the listing began')
    },
  },
  {
    name: 'latest() refuses a cursor of another life of the topic',
    async run({ engine }) {
      const fill = async (): Promise<void> => {
        await engine.log.create(topic, entityLog)
        await append(engine, eventOf('a', { key: 'a' }), eventOf('b', { key: 'b' }))
      }
      await fill()
      const { next } = await engine.log.latest(topic, { limit: 1 })
      assert(next !== undefined, 'there is a second page')
      await engine.log.remove(topic)
      await fill()
      const call = engine.log.latest(topic, { limit: 1, cursor: next })
      await assertRejects(call, 'position-unknown', 'a listing never goes on in another life')
      assertEqual((await listLatest(engine, 1)).length, 2, 'a listing of this life works')
    },
  },
]

async function newestIds(engine: Engine, ...keys: readonly string[]): Promise<readonly string[]> {
  return (await engine.log.newest(topic, keys)).map(({ event }) => event.id).sort()
}
