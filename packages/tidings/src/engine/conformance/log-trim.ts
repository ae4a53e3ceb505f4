import { eventBytes } from '../../event/index.ts'
import type { Engine, LogRecord } from '../port.ts'
import { assert, assertEqual } from './assert.ts'
import type { EngineCase } from './case.ts'
import {
  append,
  duplicate,
  entityLog,
  eventLog,
  eventOf,
  idsOf,
  latestIds,
  outcomes,
  readAll,
  requestOf,
  stored,
  tombstoneOf,
  topic,
} from './scene.ts'

/** Removing what nobody needs any more. */
export const logTrimCases: readonly EngineCase[] = [
  {
    name: 'trim() removes the events at or below an offset',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1', { key: 'k' }), eventOf('2', { key: 'k' }), eventOf('3'))
      await append(engine, eventOf('4'), eventOf('5'))
      for (const [through, left] of [
        [2, ['3', '4', '5']],
        [3, ['4', '5']],
        [1, ['4', '5']],
        [4, ['5']],
      ] as const) {
        await engine.log.trim(topic, through)
        assertEqual(await idsOf(engine), [...left], `what is above ${through} stays`)
      }
      const page = await engine.log.read(topic, { after: 0, limit: 10 })
      assertEqual([page.until, page.damaged], [5, []], 'what was trimmed is a hole, not damage')
      const description = await engine.log.describe(topic)
      assertEqual([description?.trimmed, description?.head], [4, 5], 'describe() says how far')
      const reopened = await reopen()
      assertEqual(
        [await idsOf(reopened), (await reopened.log.describe(topic))?.trimmed],
        [['5'], 4],
        'after a restart too',
      )
    },
  },
  {
    name: 'trim() of everything keeps the head',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'), eventOf('2'))
      await engine.log.trim(topic, 99)
      const description = await engine.log.describe(topic)
      assertEqual(
        [description?.trimmed, description?.head, await idsOf(engine)],
        [2, 2, []],
        'no further than the head',
      )
      const reopened = await reopen()
      assertEqual(await append(reopened, eventOf('3')), [stored(3)], 'offsets are never given twice')
      assertEqual(await idsOf(reopened), ['3'], 'and what is appended later stays')
    },
  },
  {
    name: 'trim() keeps the newest event of each key of an entity topic',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      await append(engine, eventOf('a1', { key: 'a' }), eventOf('b1', { key: 'b' }), eventOf('a2', { key: 'a' }))
      await append(
        engine,
        eventOf('a0', { key: 'a', sequence: '1' }),
        eventOf('x'),
        eventOf('b2', { key: 'b' }),
        eventOf('c1', { key: 'c' }),
      )
      await engine.log.trim(topic, 6)
      assertEqual(await idsOf(engine), ['a2', 'b2', 'c1'], 'stale ones, older ones and those without key go')
      assertEqual(await latestIds(engine, 2), ['a2', 'b2', 'c1'], 'latest is complete')
      await append(engine, eventOf('a3', { key: 'a' }))
      await engine.log.trim(topic, 7)
      assertEqual(await latestIds(await reopen(), 2), ['a3', 'b2', 'c1'], 'and stays so')
    },
  },
  {
    name: 'trim() lets go of what a newer event of the key has replaced since',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      await append(engine, eventOf('a1', { key: 'a' }), eventOf('b1', { key: 'b' }))
      await engine.log.trim(topic, 2)
      await append(engine, eventOf('a2', { key: 'a' }), eventOf('a3', { key: 'a' }))
      await engine.log.trim(topic, 3)
      assertEqual(await idsOf(engine), ['b1', 'a3'], 'the kept event goes with the next trim')
      await append(engine, eventOf('b2', { key: 'b' }))
      await engine.log.trim(topic, 1)
      assertEqual(await idsOf(engine), ['a3', 'b2'], 'however little that trim asks for')
    },
  },
  {
    name: 'trim() forgets neither identities nor producers nor versions',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      const event = eventOf('1', { key: 'k', sequence: '5' })
      await engine.log.append(topic, [requestOf(event, { id: 'p', epoch: 1, counter: 1 })])
      await append(engine, eventOf('2'), eventOf('3', { key: 'k', sequence: '6' }), eventOf('4'))
      await engine.log.trim(topic, 4)
      assertEqual(await append(engine, event), [duplicate(1)], 'a trimmed event is still known')
      const reopened = await reopen()
      assertEqual(
        outcomes(await append(reopened, event, eventOf('2'), eventOf('4'))),
        ['duplicate', 'duplicate', 'duplicate'],
        'after a restart too',
      )
      assertEqual(await reopened.log.producer(topic, 'p'), { epoch: 1, counter: 1 }, 'so is its producer')
      assertEqual(
        await append(reopened, eventOf('5', { key: 'k', sequence: '5' })),
        [stored(5, true)],
        'and the version of its key',
      )
    },
  },
  {
    name: 'trim() keeps the offsets that it is told to keep',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1', { key: 'k' }), eventOf('2'), eventOf('3'))
      await append(engine, eventOf('4'), eventOf('5'), eventOf('6'))
      await engine.log.trim(topic, 5, { keep: [2, 4, 6] })
      assertEqual(await idsOf(engine), ['2', '4', '6'], 'what is kept and what is above')
      const { records } = await engine.log.read(topic, { after: 3, limit: 1 })
      assertEqual(records[0]?.event, eventOf('4'), 'a kept event is whole')
      assertEqual((await engine.log.describe(topic))?.trimmed, 5, 'describe() says how far it went')
      const reopened = await reopen()
      assertEqual(await idsOf(reopened), ['2', '4', '6'], 'after a restart too')
      await reopened.log.trim(topic, 6, { keep: [2, 4] })
      assertEqual(await idsOf(reopened), ['2', '4'], 'and over the trims that follow')
    },
  },
  {
    name: 'trim() lets go of what it need not keep any more',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'), eventOf('2'), eventOf('3'), eventOf('4'))
      await engine.log.trim(topic, 3, { keep: [1, 2] })
      await engine.log.trim(topic, 3, { keep: [1] })
      assertEqual(await idsOf(engine), ['1', '4'], 'the second goes when nobody asks for it')
      await engine.log.trim(topic, 1)
      assertEqual(await idsOf(engine), ['4'], 'and so does the first')
      assertEqual(
        outcomes(await append(engine, eventOf('1'), eventOf('2'))),
        ['duplicate', 'duplicate'],
        'both are known',
      )
    },
  },
  {
    name: 'trim() takes tombstones out that are older than asked, and no others',
    async run({ engine, reopen, advance }) {
      await engine.log.create(topic, entityLog)
      await append(
        engine,
        eventOf('a1', { key: 'a' }),
        tombstoneOf('b1', { key: 'b' }),
        tombstoneOf('d1', { key: 'd' }),
      )
      await append(engine, eventOf('d2', { key: 'd' }))
      advance(1_000)
      await append(engine, tombstoneOf('c1', { key: 'c' }))
      const [late] = (await readAll(engine)).slice(-1)
      const tombstonesBefore = late!.appendedAt
      await engine.log.trim(topic, 1, { tombstonesBefore })
      assertEqual(await latestIds(engine, 2), ['a1', 'b1', 'c1', 'd2'], 'what is above stays')
      await engine.log.trim(topic, 5, { tombstonesBefore })
      assertEqual(await latestIds(engine, 2), ['a1', 'c1', 'd2'], 'only what is old enough leaves')
      await engine.log.trim(topic, 5, { tombstonesBefore: tombstonesBefore + 1 })
      assertEqual(await latestIds(engine, 2), ['a1', 'd2'], 'and the other when its time has come')
      assertEqual(await idsOf(engine), ['a1', 'd2'], 'they are out of the log too')
      assertEqual(await latestIds(await reopen(), 2), ['a1', 'd2'], 'after a restart too')
    },
  },
  {
    name: 'the version of a tombstone that left is remembered',
    async run({ engine, reopen, advance }) {
      await engine.log.create(topic, entityLog)
      await append(engine, eventOf('1', { key: 'k', sequence: '5' }), tombstoneOf('2', { key: 'k', sequence: '6' }))
      const [{ appendedAt }] = (await readAll(engine)) as [LogRecord]
      advance(1_000)
      await engine.log.trim(topic, 2, { tombstonesBefore: appendedAt + 1 })
      const reopened = await reopen()
      assertEqual(
        await append(reopened, eventOf('3', { key: 'k', sequence: '5' })),
        [stored(3, true)],
        'older is stale',
      )
      assertEqual(await append(reopened, eventOf('4', { key: 'k', sequence: '7' })), [stored(4)], 'newer is not')
      assertEqual(await latestIds(reopened), ['4'], 'the key is back')
    },
  },
  {
    name: 'offsetBehind() finds the newest event that has so many bytes behind it',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      const events = [10, 70_000, 300, 70_000, 5].map((bytes, index) =>
        eventOf(String(index + 1), { key: 'key', subject: 'é', data: new Uint8Array(bytes) }),
      )
      await append(engine, ...events.slice(0, 3))
      await append(engine, ...events.slice(3))
      const behind = (offset: number) => events.slice(offset).reduce((sum, event) => sum + eventBytes(event), 0)
      const expectAll = async (log: Engine['log'], trimmed: number): Promise<void> => {
        for (const offset of [1, 2, 3, 4]) {
          const exactly = await log.offsetBehind(topic, behind(offset))
          assertEqual(exactly, Math.max(trimmed, offset), `the bytes behind ${offset}, exactly`)
          const more = await log.offsetBehind(topic, behind(offset) + 1)
          assertEqual(more, Math.max(trimmed, offset - 1), 'with one more, the one before')
        }
        assertEqual(await log.offsetBehind(topic, 1_000_000), trimmed, 'there are not so many')
      }
      await expectAll(engine.log, 0)
      await engine.log.trim(topic, 2, { keep: [1] })
      await expectAll(engine.log, 2)
      const reopened = await reopen()
      await expectAll(reopened.log, 2)
      await reopened.log.trim(topic, 5)
      const again = await reopen()
      events.push(eventOf('6'), eventOf('7'))
      await append(again, ...events.slice(5))
      assertEqual(await again.log.offsetBehind(topic, 1), 6, 'after everything was trimmed, too')
    },
  },
  {
    name: 'trim() gives space back',
    needs: ({ durable }) => (durable ? undefined : 'the engine occupies no disk'),
    async run({ engine, advance, deduplication: { maxAgeMs } }) {
      await engine.log.create(topic, eventLog)
      // What does not compress, or the store would have nothing to give back.
      const data = (): Uint8Array => crypto.getRandomValues(new Uint8Array(50_000))
      const fill = async (round: number): Promise<number> => {
        for (let call = 0; call < 20; call++) await append(engine, eventOf(`${round}-${call}`, { data: data() }))
        advance(maxAgeMs * 2)
        await engine.log.trim(topic, (await engine.log.describe(topic))!.head)
        return (await engine.stats()).bytes
      }
      for (let round = 0; round < 5; round++) await fill(round)
      const early = await fill(5)
      for (let round = 6; round < 20; round++) await fill(round)
      const late = await fill(20)
      assert(late < early + 2_000_000, 'the store does not grow with what has been trimmed')
    },
  },
]
