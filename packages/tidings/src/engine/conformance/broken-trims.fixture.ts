import type { Event } from '../../event/index.ts'
import {
  allRecords,
  changingPages,
  changingRequests,
  identityOf,
  overriding,
  renamed,
  type Breakage,
} from './broken.fixture.ts'

/** Engines that break what the port says of trimming and erasing. */
export const brokenTrims: readonly Breakage[] = [
  {
    guarantee: 'trim() removes',
    caught: 'trim() removes the events at or below an offset',
    broken: (engine) => overriding(engine, { log: { trim: async () => {} } }),
  },
  {
    guarantee: 'trim() goes no further than the head',
    caught: 'trim() of everything keeps the head',
    broken(engine) {
      let trimmed = 0
      return overriding(engine, {
        log: {
          trim: (topic, through) => engine.log.trim(topic, (trimmed = through)),
          describe: async (topic) => ({ ...(await engine.log.describe(topic))!, trimmed }),
        },
      })
    },
  },
  {
    guarantee: 'trim() keeps the newest of each key',
    caught: 'trim() keeps the newest event of each key of an entity topic',
    broken(engine) {
      let trimmed = 0
      return overriding(engine, {
        log: {
          trim: async (topic, through) => {
            trimmed = through
            await engine.log.trim(topic, through)
          },
          read: async (topic, options) => {
            const page = await engine.log.read(topic, options)
            return { ...page, records: page.records.filter(({ offset }) => offset > trimmed) }
          },
        },
      })
    },
  },
  {
    guarantee: 'trim() keeps no more than the newest',
    caught: 'trim() lets go of what a newer event of the key has replaced since',
    broken(engine) {
      const trimmed = new Set<string>()
      return overriding(engine, {
        log: {
          trim: async (topic, through) => {
            if (trimmed.has(topic.topic)) return
            trimmed.add(topic.topic)
            await engine.log.trim(topic, through)
          },
        },
      })
    },
  },
  {
    guarantee: 'trim() keeps what somebody needs',
    caught: 'trim() keeps the offsets that it is told to keep',
    broken: (engine) => overriding(engine, { log: { trim: (topic, through) => engine.log.trim(topic, through) } }),
  },
  {
    guarantee: 'trim() keeps nothing for ever',
    caught: 'trim() lets go of what it need not keep any more',
    broken(engine) {
      const kept = new Set<number>()
      return overriding(engine, {
        log: {
          trim: (topic, through, options = {}) => {
            for (const offset of options.keep ?? []) kept.add(offset)
            return engine.log.trim(topic, through, { ...options, keep: [...kept] })
          },
        },
      })
    },
  },
  {
    guarantee: 'tombstones leave in the end',
    caught: 'trim() takes tombstones out that are older than asked, and no others',
    broken: (engine) => overriding(engine, { log: { trim: (topic, through) => engine.log.trim(topic, through) } }),
  },
  {
    guarantee: 'young tombstones stay',
    caught: 'trim() takes tombstones out that are older than asked, and no others',
    broken: (engine) =>
      overriding(engine, {
        log: {
          trim: (topic, through, options) =>
            engine.log.trim(
              topic,
              through,
              options?.tombstonesBefore ? { ...options, tombstonesBefore: Infinity } : {},
            ),
        },
      }),
  },
  {
    guarantee: 'a version outlives its tombstone',
    caught: 'the version of a tombstone that left is remembered',
    broken(engine) {
      let left = false
      const forgetting = changingRequests(engine, (request) =>
        left ? { ...request, event: { ...request.event, sourceepoch: 1 } } : request,
      )
      return overriding(forgetting, {
        log: {
          trim: async (topic, through, options) => {
            await engine.log.trim(topic, through, options)
            left = options?.tombstonesBefore !== undefined
          },
        },
      })
    },
  },
  {
    guarantee: 'trim() leaves the deduplication window alone',
    caught: 'trim() forgets neither identities nor producers nor versions',
    broken: (engine) =>
      changingRequests(engine, async (request, topic) => {
        const { trimmed } = (await engine.log.describe(topic))!
        return trimmed > 0 ? { ...request, event: renamed(request.event) } : request
      }),
  },
  {
    guarantee: 'what is behind an event is counted in bytes',
    caught: 'offsetBehind() finds the newest event that has so many bytes behind it',
    broken: (engine) =>
      overriding(engine, { log: { offsetBehind: (topic, bytes) => engine.log.offsetBehind(topic, bytes + 1) } }),
  },
  {
    guarantee: 'erase() removes payloads',
    caught: 'erase() removes all payloads of a key and of no other',
    broken: (engine) =>
      overriding(engine, {
        log: {
          erase: async (topic, key) =>
            (await allRecords(engine, topic)).filter(({ event }) => event.key === key).length,
        },
      }),
  },
  {
    guarantee: 'an erased payload cannot be read',
    caught: 'erase() removes all payloads of a key and of no other',
    broken(engine) {
      const given = new Map<string, Event>()
      const keeping = changingRequests(engine, (request) => {
        given.set(identityOf(request.event), request.event)
        return request
      })
      return changingPages(keeping, (page) => ({
        ...page,
        records: page.records.map((record) => ({ ...record, event: given.get(identityOf(record.event))! })),
      }))
    },
  },
  {
    guarantee: 'erase() removes payloads everywhere',
    caught: 'erase() reaches the newest event, and later ones are kept',
    broken: (engine) =>
      overriding(engine, {
        log: {
          erase: async (topic, key) =>
            (await engine.log.describe(topic))!.trimmed > 0 ? 0 : engine.log.erase(topic, key),
        },
      }),
  },
  {
    guarantee: 'erase() is for good',
    caught: 'erase() is not undone by publishing the event again',
    broken: (engine) =>
      changingRequests(engine, async (request, topic) => {
        const record = (await allRecords(engine, topic)).find(
          ({ event }) => identityOf(event) === identityOf(request.event),
        )
        return record?.erased ? { ...request, event: renamed(request.event) } : request
      }),
  },
  {
    guarantee: 'erase() knows the empty key',
    caught: 'erase() of an unknown key erases nothing',
    broken: (engine) =>
      overriding(engine, {
        log: {
          erase: async (topic, key) =>
            (await allRecords(engine, topic)).filter(({ event }) => (event.key ?? '') === key).length,
        },
      }),
  },
]
