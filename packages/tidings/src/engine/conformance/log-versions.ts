import { assertEqual } from './assert.ts'
import type { EngineCase } from './case.ts'
import { append, entityLog, eventLog, eventOf, idsOf, latestIds, readAll, stored, tombstoneOf, topic } from './scene.ts'

const versioned = (id: string, sequence: string, sourceepoch?: number) =>
  eventOf(id, { key: 'k', sequence, ...(sourceepoch !== undefined && { sourceepoch }) })

/** The version of an entity decides what is newest, not the order of arrival. */
export const logVersionCases: readonly EngineCase[] = [
  {
    name: 'an entity event that is not newer than the newest of its key is stale',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      const sequences = ['5', '9', '10', '9', '10', '0000011']
      const answers = await append(engine, ...sequences.map((sequence, index) => versioned(String(index), sequence)))
      const expected = [false, false, false, true, true, false]
      assertEqual(
        answers,
        expected.map((stale, index) => stored(index + 1, stale)),
        'sequences compare as numbers',
      )
      const reopened = await reopen()
      assertEqual(await append(reopened, versioned('late', '8')), [stored(7, true)], 'versions survive a restart')
      assertEqual(
        (await readAll(reopened)).map(({ stale }) => stale),
        [...expected, true],
        'stale events are kept and marked',
      )
    },
  },
  {
    name: 'a tombstone in the version of the newest state is not stale',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      await append(engine, versioned('1', '5'))
      const gone = tombstoneOf('2', { key: 'k', sequence: '5' })
      const older = tombstoneOf('0', { key: 'k', sequence: '4' })
      assertEqual(await append(engine, older, gone), [stored(2, true), stored(3)], 'an older one is')
      assertEqual(await latestIds(engine), ['2'], 'the entity is gone')
      const reopened = await reopen()
      const answers = await append(reopened, versioned('3', '5'), versioned('4', '6'))
      assertEqual(answers, [stored(4, true), stored(5)], 'the state does not come back, the next one comes')
    },
  },
  {
    name: 'a stale event leaves latest alone',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      await append(engine, versioned('new', '9'))
      await append(engine, versioned('old', '8'))
      assertEqual(await latestIds(engine), ['new'], 'latest keeps the newest version')
      assertEqual(await idsOf(engine), ['new', 'old'], 'a reader still finds both')
      assertEqual(await latestIds(await reopen()), ['new'], 'after a restart too')
    },
  },
  {
    name: 'sourceepoch is compared before sequence',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      const events = [
        versioned('1', '100'),
        versioned('2', '1', 1),
        versioned('3', '101'),
        versioned('4', '101', 0),
        versioned('5', '2', 1),
      ]
      const expected = [false, false, true, true, false]
      assertEqual(
        await append(engine, ...events),
        expected.map((stale, index) => stored(index + 1, stale)),
        'a raised epoch begins anew',
      )
      assertEqual(await latestIds(engine), ['5'], 'latest follows the epoch')
    },
  },
  {
    name: 'without a sequence the place in the log is the version',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      const plain = (id: string) => eventOf(id, { key: 'k' })
      assertEqual(await append(engine, plain('1'), plain('2')), [stored(1), stored(2)], 'later ones are newer')
      assertEqual(
        await append(engine, versioned('3', '2'), versioned('4', '3')),
        [stored(3, true), stored(4)],
        'compared like any other',
      )
    },
  },
  {
    name: 'versions belong to a key of an entity topic',
    async run({ engine }) {
      const other = { namespace: 'default', topic: 'crm.note' }
      await engine.log.create(topic, entityLog)
      await engine.log.create(other, eventLog)
      await append(engine, eventOf('1', { key: 'a', sequence: '9' }))
      const answers = await append(engine, eventOf('2', { key: 'b', sequence: '1' }), eventOf('3', { sequence: '1' }))
      assertEqual(answers, [stored(2), stored(3)], 'other keys, and events without one, are not concerned')
      const requests = ['9', '1'].map((sequence) => ({ event: eventOf(sequence, { key: 'a', sequence }), shard: 0 }))
      assertEqual(await engine.log.append(other, requests), [stored(1), stored(2)], 'event topics have no versions')
    },
  },
]
