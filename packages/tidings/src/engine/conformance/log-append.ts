import { assert, assertEqual } from './assert.ts'
import type { EngineCase } from './case.ts'
import {
  append,
  bytesOf,
  duplicate,
  entityLog,
  eventLog,
  eventOf,
  idsOf,
  outcomes,
  readAll,
  requestOf,
  stored,
  topic,
} from './scene.ts'

/** What one call answers and stores. */
export const logAppendCases: readonly EngineCase[] = [
  {
    name: 'append() answers per event in the order given, offsets from 1',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      assertEqual(
        await append(engine, eventOf('1'), eventOf('2'), eventOf('3')),
        [stored(1), stored(2), stored(3)],
        'offsets from 1',
      )
      const answers = await append(engine, eventOf('2'), eventOf('4'))
      assertEqual(outcomes(answers), ['duplicate', 'stored'], 'answers stand where their events stood')
      assertEqual(answers[1], stored(4), 'the next event gets the next offset')
      assertEqual(await idsOf(engine), ['1', '2', '3', '4'], 'the log has the order of the call')
      assertEqual((await engine.log.describe(topic))?.head, 4, 'the head is the newest offset')
    },
  },
  {
    name: 'append() of nothing answers nothing',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      assertEqual(await append(engine), [], 'no event, no answer')
      assertEqual((await engine.log.describe(topic))?.head, 0, 'nothing was stored')
    },
  },
  {
    name: 'append() is durable when it resolves',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'), eventOf('2'))
      await append(engine, eventOf('3'))
      const before = await readAll(engine)
      const reopened = await reopen()
      assertEqual(await readAll(reopened), before, 'every record is the same after a restart')
      assertEqual(await idsOf(reopened), ['1', '2', '3'], 'every acknowledged event is there')
      assertEqual(await append(reopened, eventOf('4')), [stored(4)], 'offsets go on after a restart')
    },
  },
  {
    name: 'append() is visible to readers when it resolves',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      for (const id of ['1', '2', '3']) {
        await append(engine, eventOf(id))
        assertEqual((await idsOf(engine)).at(-1), id, 'a reader finds the event that was just acknowledged')
      }
    },
  },
  {
    name: 'append() records shard and time',
    async run({ engine, advance, reopen }) {
      await engine.log.create(topic, eventLog)
      await engine.log.append(topic, [{ event: eventOf('1'), shard: 3 }])
      advance(1_000_000)
      await engine.log.append(topic, [{ event: eventOf('2'), shard: 0 }])
      const records = await readAll(await reopen())
      assertEqual(
        records.map(({ shard }) => shard),
        [3, 0],
        'each record has its shard',
      )
      const elapsed = records[1]!.appendedAt - records[0]!.appendedAt
      assert(elapsed >= 1_000_000 && elapsed < 1_060_000, 'each record has the wall clock of its append')
    },
  },
  {
    name: 'append() accepts a prefix of each key within one call',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1', { key: 'a' }))
      const conflict = eventOf('1', { key: 'a', data: bytesOf('other') })
      const call = [
        eventOf('2', { key: 'a' }),
        conflict,
        eventOf('3', { key: 'a' }),
        eventOf('4', { key: 'b' }),
        eventOf('5'),
      ]
      const expected = ['stored', 'id-conflict', 'behind-refused', 'stored', 'stored']
      assertEqual(
        outcomes(await append(engine, ...call)),
        expected,
        'later events of the key are refused, others are not',
      )
      assertEqual(await idsOf(engine), ['1', '2', '4', '5'], 'nothing behind the refused event was stored')
      assertEqual(outcomes(await append(engine, eventOf('3', { key: 'a' }))), ['stored'], 'the next call begins anew')
    },
  },
  {
    name: 'append() accepts nothing of a key behind a refused event, known events included, whatever the refusal',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1', { key: 'a' }), eventOf('2', { key: 'a' }))
      await engine.log.append(topic, [requestOf(eventOf('3'), { id: 'p', epoch: 2, counter: 1 })])
      const conflict = eventOf('1', { key: 'a', data: bytesOf('other') })
      const known = eventOf('2', { key: 'a' })
      const behindConflict = outcomes(await append(engine, known, conflict, known))
      assertEqual(behindConflict, ['duplicate', 'id-conflict', 'behind-refused'], 'a duplicate is accepted in its turn')
      const behindFenced = await engine.log.append(topic, [
        requestOf(eventOf('4', { key: 'b' }), { id: 'p', epoch: 1, counter: 9 }),
        requestOf(eventOf('5', { key: 'b' })),
      ])
      assertEqual(outcomes(behindFenced), ['producer-fenced', 'behind-refused'], 'behind a fenced event too')
      assertEqual(await idsOf(engine), ['1', '2', '3'], 'nothing of them was stored')
    },
  },
  {
    name: 'append() gives an offset to what it stores and to nothing else',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      const newer = eventOf('1', { key: 'a', sequence: '2' })
      const older = eventOf('2', { key: 'a', sequence: '1' })
      const conflict = eventOf('1', { key: 'a', data: bytesOf('other') })
      const answers = await append(engine, newer, newer, older, conflict)
      assertEqual(answers.slice(0, 3), [stored(1), duplicate(1), stored(2, true)], 'a stale event takes one too')
      assertEqual(outcomes(answers)[3], 'id-conflict', 'the last is refused')
      assertEqual((await engine.log.describe(topic))?.head, 2, 'the head is the newest of what was stored')
      assertEqual(await append(engine, eventOf('3')), [stored(3)], 'the next event follows without a gap')
    },
  },
  {
    name: 'append() does not hold up events without a key behind a refused one',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'))
      const answers = await append(engine, eventOf('1', { data: bytesOf('other') }), eventOf('2'))
      assertEqual(outcomes(answers), ['id-conflict', 'stored'], 'events without a key have no order among each other')
    },
  },
  {
    name: 'append() by many callers at once loses and mixes up nothing',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      const calls = Array.from({ length: 20 }, (_, call) => ['a', 'b', 'c'].map((part) => `${call}${part}`))
      const answers = await Promise.all(
        calls.map((ids) => append(engine, ...ids.map((id) => eventOf(id, { key: id })))),
      )
      const offsets = new Map<string, number>()
      calls.forEach((ids, call) => {
        ids.forEach((id, index) => {
          const answer = answers[call]![index]!
          if (answer.status === 'stored') offsets.set(id, answer.offset)
        })
      })
      assertEqual(new Set(offsets.values()).size, 60, 'each event has an offset of its own')
      for (const { offset, event } of await readAll(await reopen())) {
        assertEqual(offsets.get(event.id), offset, 'each event stands where its answer said')
      }
    },
  },
]
