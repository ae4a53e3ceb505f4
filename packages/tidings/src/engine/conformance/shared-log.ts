import type { Engine, LogRecord } from '../port.ts'
import { versionOf, compareVersions } from '../../event/index.ts'
import { assert, assertEqual } from './assert.ts'
import { needsShared, type EngineCase } from './case.ts'
import { eventually } from './log-watch.ts'
import {
  append,
  bytesOf,
  entityLog,
  eventLog,
  eventOf,
  idsOf,
  latestIds,
  outcomes,
  readAll,
  requestOf,
  stored,
  topic,
} from './scene.ts'

const rounds = Array.from({ length: 25 }, (_, index) => index)

/** The log over a store that several engines use at once: whatever resolved through one holds for all of them. */
export const sharedLogCases: readonly EngineCase[] = [
  {
    name: 'two engines: offsets are dense, and a reader of either never finds a new event below one that it has seen',
    needs: needsShared,
    async run({ engine, another }) {
      const engines = [engine, await another()]
      await engine.log.create(topic, eventLog)
      let writing = true
      const write = async (writer: Engine, name: string): Promise<void> => {
        for (const round of rounds) await append(writer, eventOf(`${name}${round}`), eventOf(`${name}${round}+`))
      }
      const follow = async (reader: Engine): Promise<readonly LogRecord[]> => {
        const seen: LogRecord[] = []
        for (let last = false, after = 0; !last;) {
          last = !writing
          const page = await reader.log.read(topic, { after, limit: 7 })
          seen.push(...page.records)
          last &&= page.until === after
          after = page.until
        }
        return seen
      }
      const followed = engines.map(follow)
      await Promise.all(engines.flatMap((each, index) => [write(each, `a${index}-`), write(each, `b${index}-`)]))
      writing = false
      const expected = Array.from({ length: 4 * 2 * rounds.length }, (_, index) => index + 1)
      for (const seen of await Promise.all(followed)) {
        assertEqual(
          seen.map(({ offset }) => offset),
          expected,
          'a reader that goes on behind what it has seen sees every offset',
        )
        assertEqual(new Set(seen.map(({ event }) => event.id)).size, expected.length, 'and every event')
      }
    },
  },
  {
    name: 'two engines: the accepted events of a key in one call are a prefix, whatever the other accepts meanwhile',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      await engine.log.create(topic, eventLog)
      for (const round of rounds) {
        const call = [0, 1, 2, 3, 4].map((place) => eventOf(`${round}-${place}`, { key: 'k' }))
        const rival = eventOf(`${round}-${round % 5}`, { key: 'k', data: bytesOf('rival') })
        const [answers] = await Promise.all([append(engine, ...call), append(other, rival)])
        const kinds = outcomes(answers)
        const accepted = kinds.findIndex((outcome) => outcome !== 'stored')
        const behind = accepted === -1 ? [] : kinds.slice(accepted + 1)
        assert(
          behind.every((outcome) => outcome === 'behind-refused'),
          'nothing is accepted behind what was refused',
        )
      }
    },
  },
  {
    name: 'two engines: an identity is stored once, and another content under it is refused',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      await engine.log.create(topic, eventLog)
      for (const round of rounds) {
        const event = eventOf(`same-${round}`)
        const same = await Promise.all([append(engine, event), append(other, event)])
        assertEqual(same.flatMap(outcomes).sort(), ['duplicate', 'stored'], 'one of both stored it')
        const others = ['a', 'b'].map((text) => eventOf(`other-${round}`, { data: bytesOf(text) }))
        const different = await Promise.all([append(engine, others[0]!), append(other, others[1]!)])
        assertEqual(different.flatMap(outcomes).sort(), ['id-conflict', 'stored'], 'the other is told')
      }
      assertEqual((await readAll(other)).length, 2 * rounds.length, 'the log has each once')
    },
  },
  {
    name: 'two engines: a producer that one of them replaced is fenced in both',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      await engine.log.create(topic, eventLog)
      for (const round of rounds) {
        const publish = (through: Engine, epoch: number, counter: number) =>
          through.log.append(topic, [
            requestOf(eventOf(`${round}/${epoch}/${counter}`), { id: `p${round}`, epoch, counter }),
          ])
        const before = async (): Promise<void> => {
          for (const counter of [1, 2, 3]) await publish(engine, 1, counter)
        }
        const after = async (): Promise<void> => void (await publish(other, 2, 10))
        await Promise.all([before(), after()])
        assertEqual(outcomes(await publish(engine, 1, 11)), ['producer-fenced'], 'the one before is told')
        const epochs = (await idsOf(engine)).filter((id) => id.startsWith(`${round}/`)).map((id) => id.split('/')[1]!)
        assertEqual(epochs, epochs.toSorted(), 'nothing of it stands behind its successor')
        assertEqual((await engine.log.producer(topic, `p${round}`))?.epoch, 2, 'both know the successor')
      }
    },
  },
  {
    name: 'two engines: what is older than the newest of its key is stale, whichever took that',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      await engine.log.create(topic, entityLog)
      const write = async (through: Engine, numbers: readonly number[]): Promise<void> => {
        for (const number of numbers) {
          await append(through, eventOf(String(number), { key: 'k', sequence: String(number) }))
        }
      }
      const rising = rounds.map((round) => 2 * round)
      const falling = rounds.map((round) => 2 * round + 1).toReversed()
      await Promise.all([write(engine, rising), write(other, falling)])
      const versions = (await readAll(other))
        .filter(({ stale }) => !stale)
        .map(({ event, offset }) => versionOf(event, offset))
      const grow = versions.every((version, index) => index === 0 || compareVersions(versions[index - 1]!, version) < 0)
      assert(grow, 'versions that are delivered grow')
      const newest = String(2 * rounds.length - 1)
      assertEqual([await latestIds(engine), await latestIds(other)], [[newest], [newest]], 'both list the newest')
    },
  },
  {
    name: 'two engines: what one has acknowledged, the other reads, describes and lists',
    needs: needsShared,
    async run({ engine, another }) {
      const engines = [engine, await another()] as const
      await engine.log.create(topic, entityLog)
      for (const round of rounds) {
        const [writer, reader] = round % 2 === 0 ? engines : [engines[1], engines[0]]
        assertEqual(await append(writer, eventOf(String(round), { key: 'k' })), [stored(round + 1)], 'the next offset')
        const page = await reader.log.read(topic, { after: round, limit: 1 })
        assertEqual([page.records[0]?.event.id, page.until], [String(round), round + 1], 'it is read')
        assertEqual((await reader.log.describe(topic))?.head, round + 1, 'it is described')
        assertEqual(await latestIds(reader), [String(round)], 'it is listed')
      }
    },
  },
  {
    name: 'two engines: trim() through one while the other appends keeps the newest of each key',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      await engine.log.create(topic, entityLog)
      const keys = ['a', 'b', 'c', 'd', 'e']
      const write = async (): Promise<void> => {
        for (const round of rounds) {
          await append(other, ...keys.slice(round % 3).map((key) => eventOf(`${key}${round}`, { key })))
        }
      }
      let writing = true
      const written = write().finally(() => (writing = false))
      while (writing) await engine.log.trim(topic, (await engine.log.describe(topic))!.head)
      await written
      await engine.log.trim(topic, (await engine.log.describe(topic))!.head)
      const newest = (key: string, index: number): string => key + rounds.findLast((round) => round % 3 <= index)!
      const expected = keys.map(newest)
      assertEqual(await latestIds(other, 2), expected, 'latest is complete')
      assertEqual((await idsOf(other)).sort(), expected, 'and nothing else is left')
    },
  },
  {
    name: 'two engines: watch() hints at an append through the other',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      await engine.log.create(topic, eventLog)
      let found = 0
      const end = engine.log.watch(topic, () => {
        void engine.log.read(topic, { after: 0, limit: 10 }).then(({ records }) => (found = records.length))
      })
      await append(other, eventOf('1'))
      assert(await eventually(() => found === 1), 'whoever reads at the hint finds the event')
      end()
    },
  },
  {
    name: 'two engines: create() through both at once makes one life',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      for (const round of rounds) {
        const id = { ...topic, topic: `crm.customer${round}` }
        const made = await Promise.all([engine, other, engine, other].map(({ log }) => log.create(id, entityLog)))
        const read = await Promise.all([engine, other].map(({ log }) => log.describe(id)))
        const lives = [...made, ...read].map((description) => description?.incarnation)
        assertEqual(new Set(lives).size, 1, 'all are told of the same incarnation')
      }
    },
  },
  {
    name: 'two engines: a topic that one removed and made again is another life for both',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      const first = await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'), eventOf('2'))
      assertEqual(await idsOf(other), ['1', '2'], 'the other knows the first life')
      await other.log.remove(topic)
      assertEqual(await engine.log.describe(topic), undefined, 'it is gone for both')
      const second = await other.log.create(topic, entityLog)
      assert(second.incarnation !== first.incarnation, 'the incarnation is another one')
      assertEqual((await engine.log.describe(topic))?.incarnation, second.incarnation, 'for both')
      assertEqual(await append(engine, eventOf('2')), [stored(1)], 'both append to the second life')
      assertEqual(await idsOf(other), ['2'], 'and read it')
    },
  },
]
