import { assert, assertEqual } from './assert.ts'
import type { EngineCase } from './case.ts'
import { append, eventLog, eventOf, topic } from './scene.ts'

/** Reading: pages, shards, and the order that readers may rely on. */
export const logReadCases: readonly EngineCase[] = [
  {
    name: 'read() pages through the log without gap or repetition',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      for (let call = 0; call < 4; call++)
        await append(engine, ...['a', 'b', 'c'].map((part) => eventOf(`${call}${part}`)))
      const offsets: number[] = []
      const sizes: number[] = []
      for (let after = 0, more = true; more;) {
        const page = await engine.log.read(topic, { after, limit: 5 })
        assertEqual(page.damaged, [], 'nothing is damaged')
        offsets.push(...page.records.map(({ offset }) => offset))
        sizes.push(page.records.length)
        more = page.until > after
        after = page.until
      }
      assertEqual(offsets, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 'each event once, ascending')
      assertEqual(sizes, [5, 5, 2, 0], 'no page exceeds the limit')
    },
  },
  {
    name: 'read() begins above any offset, within a call as well',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, ...['1', '2', '3', '4', '5'].map((id) => eventOf(id)))
      for (const after of [0, 1, 2, 3, 4, 5]) {
        const page = await engine.log.read(topic, { after, limit: 2 })
        const expected = [after + 1, after + 2].filter((offset) => offset <= 5)
        assertEqual(
          page.records.map(({ offset }) => offset),
          expected,
          `the two events above ${after}`,
        )
        assertEqual(
          page.records.map(({ event }) => event.id),
          expected.map(String),
          'and not others',
        )
      }
    },
  },
  {
    name: 'read() at the end of the log answers until = after',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      const nothing = { records: [], until: 0, damaged: [] }
      assertEqual(await engine.log.read(topic, { after: 0, limit: 5 }), nothing, 'an empty log ends where it begins')
      await append(engine, eventOf('1'), eventOf('2'))
      assertEqual((await engine.log.read(topic, { after: 0, limit: 5 })).until, 2, 'the whole log was considered')
      assertEqual(await engine.log.read(topic, { after: 2, limit: 5 }), { ...nothing, until: 2 }, 'there is no more')
      assertEqual(await engine.log.read(topic, { after: 7, limit: 5 }), { ...nothing, until: 7 }, 'nor beyond the end')
    },
  },
  {
    name: 'read() of one shard passes over the others',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      const shards = [0, 1, 1, 0, 2, 2, 2, 1, 2, 2]
      const requests = shards.map((shard, index) => ({ event: eventOf(String(index)), shard }))
      for (let begin = 0; begin < 10; begin += 3) await engine.log.append(topic, requests.slice(begin, begin + 3))
      const first = await engine.log.read(topic, { after: 0, limit: 2, shard: 1 })
      assertEqual(
        first.records.map(({ offset }) => offset),
        [2, 3],
        'only events of the shard',
      )
      assert(first.until >= 3 && first.until < 8, 'read on before the next event of the shard')
      const second = await engine.log.read(topic, { after: first.until, limit: 2, shard: 1 })
      assertEqual(
        second.records.map(({ offset }) => offset),
        [8],
        'the next page goes on',
      )
      assertEqual(second.until, 10, 'events of other shards have been considered')
      const none = await engine.log.read(topic, { after: 0, limit: 2, shard: 3 })
      assertEqual(none, { records: [], until: 10, damaged: [] }, 'a shard without events')
    },
  },
  {
    name: 'a reader that has seen an offset never finds a new event at or below it',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      let writing = true
      const seen: number[] = []
      const read = async (): Promise<void> => {
        for (let after = 0, last = false; ;) {
          last = !writing
          const page = await engine.log.read(topic, { after, limit: 7 })
          seen.push(...page.records.map(({ offset }) => offset))
          if (last && page.until === after) return
          after = page.until
          await new Promise((resolve) => setTimeout(resolve, 0))
        }
      }
      const write = async (writer: number): Promise<void> => {
        for (let call = 0; call < 25; call++) {
          await append(engine, eventOf(`${writer}-${call}-a`), eventOf(`${writer}-${call}-b`))
          if (call % 5 === writer) await new Promise((resolve) => setTimeout(resolve, 0))
        }
      }
      const reading = read()
      await Promise.all([0, 1, 2, 3].map(write))
      writing = false
      await reading
      assertEqual(
        seen,
        Array.from({ length: 200 }, (_, index) => index + 1),
        'a reader that only moves on misses nothing',
      )
    },
  },
]
