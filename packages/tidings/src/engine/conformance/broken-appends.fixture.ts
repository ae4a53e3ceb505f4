import type { AppendAnswer, AppendRequest } from '../port.ts'
import {
  allRecords,
  changingAnswers,
  changingEvents,
  changingPages,
  changingRequests,
  identityOf,
  onRestart,
  overriding,
  renamed,
  replaying,
  turn,
  type Breakage,
} from './broken.fixture.ts'
import { memoryEngine } from '../../engines/memory/index.ts'

/** Engines that break what the port says of append(): answers, content, identities. */
export const brokenAppends: readonly Breakage[] = [
  {
    guarantee: 'answers have the order of the events',
    caught: 'append() answers per event in the order given, offsets from 1',
    broken: (engine) => changingAnswers(engine, (answers) => answers.toReversed()),
  },
  {
    guarantee: 'an empty call is a call',
    caught: 'append() of nothing answers nothing',
    broken: (engine) =>
      changingAnswers(engine, (answers) => (answers.length === 0 ? [{ status: 'duplicate' }] : answers)),
  },
  {
    guarantee: 'append() is durable when it resolves',
    caught: 'append() is durable when it resolves',
    broken: (_, settings) => replaying(settings, (writes) => writes.filter(({ kind }) => kind === 'append').slice(-1)),
  },
  {
    guarantee: 'what is acknowledged can be read',
    caught: 'append() is visible to readers when it resolves',
    broken(engine) {
      let seen = 0
      return changingPages(engine, (page) => {
        const newest = page.records.at(-1)?.offset ?? 0
        const visible = newest > seen ? page.records.slice(0, -1) : page.records
        seen = newest
        return { ...page, records: visible }
      })
    },
  },
  {
    guarantee: 'a record has the time of its append',
    caught: 'append() records shard and time',
    broken: (engine) =>
      changingPages(engine, (page) => ({
        ...page,
        records: page.records.map((record) => ({ ...record, appendedAt: Date.now() })),
      })),
  },
  {
    guarantee: 'within a call the accepted events of a key are a prefix',
    caught: 'append() accepts a prefix of each key within one call',
    broken: (engine) =>
      overriding(engine, {
        log: {
          append: async (topic, requests) => {
            const answers = await Promise.all(requests.map((request) => engine.log.append(topic, [request])))
            return answers.flat()
          },
        },
      }),
  },
  {
    guarantee: 'a duplicate is accepted in its turn only',
    caught: 'append() accepts nothing of a key behind a refused event, known events included, whatever the refusal',
    broken: (engine) =>
      overriding(engine, {
        log: {
          append: async (topic, requests) => {
            const known = new Set((await allRecords(engine, topic)).map(({ event }) => identityOf(event)))
            const answers = await engine.log.append(topic, requests)
            const isKnown = (answer: AppendAnswer, index: number): boolean =>
              answer.status === 'refused' &&
              answer.code === 'behind-refused' &&
              known.has(identityOf(requests[index]!.event))
            return answers.map((answer, index) => (isKnown(answer, index) ? { status: 'duplicate' } : answer))
          },
        },
      }),
  },
  {
    guarantee: 'only what is stored takes an offset',
    caught: 'append() gives an offset to what it stores and to nothing else',
    broken(engine) {
      // A refused event leaves a hole behind, which no reader sees.
      const hole = { id: 'hole', source: '/', type: 'hole' }
      const holed = overriding(engine, {
        log: {
          append: async (topic, requests) => {
            const answers = await engine.log.append(topic, requests)
            if (answers.some(({ status }) => status === 'refused'))
              await engine.log.append(topic, [{ event: renamed(hole), shard: 0 }])
            return answers
          },
        },
      })
      return changingPages(holed, (page) => ({
        ...page,
        records: page.records.filter(({ event }) => event.type !== hole.type),
      }))
    },
  },
  {
    guarantee: 'events without a key have no order',
    caught: 'append() does not hold up events without a key behind a refused one',
    broken: (engine) => changingEvents(engine, (event) => ({ ...event, key: event.key ?? 'none' })),
  },
  {
    guarantee: 'each caller gets its own answers',
    caught: 'append() by many callers at once loses and mixes up nothing',
    broken(engine) {
      let before: Promise<readonly AppendAnswer[]> | undefined
      return overriding(engine, {
        log: {
          append: async (topic, requests) => {
            const mine = engine.log.append(topic, requests)
            const other = before ?? mine
            before = mine
            await turn()
            return other
          },
        },
      })
    },
  },
  {
    guarantee: 'attributes keep their types',
    caught: 'append() keeps every attribute',
    broken: (engine) =>
      changingEvents(engine, ({ extensions, ...event }) => {
        if (!extensions) return event
        const texts = Object.entries(extensions).map(([name, value]) => [name, String(value)])
        return { ...event, extensions: Object.fromEntries(texts) as Record<string, string> }
      }),
  },
  {
    guarantee: 'payloads are bytes',
    caught: 'append() keeps payloads byte for byte',
    broken: (engine) =>
      changingEvents(engine, (event) => {
        try {
          const value: unknown = JSON.parse(new TextDecoder().decode(event.data))
          return { ...event, data: new TextEncoder().encode(JSON.stringify(value)) }
        } catch {
          return event
        }
      }),
  },
  {
    guarantee: 'an empty payload is a payload',
    caught: 'append() tells an empty payload from none',
    broken: (engine) => changingEvents(engine, (event) => ({ ...event, data: event.data ?? new Uint8Array() })),
  },
  {
    guarantee: 'what is stored belongs to the engine',
    caught: 'append() is not changed by what its caller does to the event later',
    broken(engine) {
      const given = new Map<string, Uint8Array | undefined>()
      const keeping = changingEvents(engine, (event) => {
        given.set(identityOf(event), event.data)
        return event
      })
      return changingPages(keeping, (page) => ({
        ...page,
        records: page.records.map((record) => {
          const data = given.get(identityOf(record.event))
          return { ...record, event: { ...record.event, ...(data && { data }) } }
        }),
      }))
    },
  },
  {
    guarantee: 'a key is any string',
    caught: 'keys that differ in any way keep apart',
    broken: (engine) =>
      changingEvents(engine, (event) => (event.key === undefined ? event : { ...event, key: event.key.normalize() })),
  },
  {
    guarantee: 'a duplicate is answered with its first position',
    caught: 'append() answers a known identity as a duplicate with its first position',
    broken: (engine) =>
      changingAnswers(engine, async (answers, topic) => {
        const { head } = (await engine.log.describe(topic))!
        return answers.map((answer) => (answer.status === 'duplicate' ? { ...answer, offset: head } : answer))
      }),
  },
  {
    guarantee: 'a call knows its own events',
    caught: 'append() sees duplicates within one call',
    broken: (engine) =>
      overriding(engine, {
        log: {
          append: (topic, requests) => {
            const seen = new Set<string>()
            const changed = requests.map((request): AppendRequest => {
              const again = seen.has(identityOf(request.event))
              seen.add(identityOf(request.event))
              return again ? { ...request, event: renamed(request.event) } : request
            })
            return engine.log.append(topic, changed)
          },
        },
      }),
  },
  {
    guarantee: 'calls at once know of each other',
    caught: 'append() sees duplicates among calls at once',
    broken: (engine) =>
      overriding(engine, {
        log: {
          append: async (topic, requests) => {
            const known = new Set((await allRecords(engine, topic)).map(({ event }) => identityOf(event)))
            await turn()
            const changed = requests.map((request) =>
              known.has(identityOf(request.event)) ? request : { ...request, event: renamed(request.event) },
            )
            return engine.log.append(topic, changed)
          },
        },
      }),
  },
  {
    guarantee: 'another payload under a known identity is refused',
    caught: 'append() refuses another payload under a known identity',
    broken: (engine) =>
      changingAnswers(engine, (answers) =>
        answers.map((answer) =>
          answer.status === 'refused' && answer.code === 'id-conflict' ? { status: 'duplicate' } : answer,
        ),
      ),
  },
  {
    guarantee: 'another type or key under a known identity is refused',
    caught: 'append() refuses another type or key under a known identity',
    broken: (engine) =>
      changingRequests(engine, async (request, topic) => {
        const records = await allRecords(engine, topic)
        const known = records.find(({ event }) => identityOf(event) === identityOf(request.event))?.event
        if (!known) return request
        const { id, source, data } = request.event
        return { ...request, event: { id, source, type: known.type, key: known.key ?? '', ...(data && { data }) } }
      }),
  },
  {
    guarantee: 'identity is source and id',
    caught: 'append() keeps events of one id from different sources',
    broken: (engine) => changingEvents(engine, (event) => ({ ...event, source: '/', id: event.source + event.id })),
  },
  {
    guarantee: 'the window holds maxIds identities',
    caught: 'the deduplication window holds the newest maxIds identities',
    broken: (_, { deduplication: { maxIds, ...rest }, ...settings }) =>
      memoryEngine({ ...settings, deduplication: { ...rest, maxIds: maxIds - 1 } }),
  },
  {
    guarantee: 'the window holds identities for maxAgeMs',
    caught: 'the deduplication window holds identities for maxAgeMs',
    broken: (_, { deduplication: { maxAgeMs, ...rest }, ...settings }) =>
      memoryEngine({ ...settings, deduplication: { ...rest, maxAgeMs: maxAgeMs / 4 } }),
  },
  {
    guarantee: 'the window survives a restart',
    caught: 'the deduplication window survives a restart',
    broken(engine) {
      let restarts = 0
      const restarting = onRestart(engine, () => (restarts += 1))
      return changingEvents(restarting, (event) => (restarts > 0 ? { ...event, id: `${event.id}/${restarts}` } : event))
    },
  },
]
