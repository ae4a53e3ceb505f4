import { isTombstone, type Event } from '../../event/index.ts'
import type { LogRecord } from '../port.ts'
import {
  allRecords,
  changingPages,
  changingRequests,
  identityOf,
  onRestart,
  overriding,
  renamed,
  type Breakage,
} from './broken.fixture.ts'

/** Engines that break what the port says of reading, listing, trimming and erasing. */
export const brokenReads: readonly Breakage[] = [
  {
    guarantee: 'until is where the page ends',
    caught: 'read() pages through the log without gap or repetition',
    broken: (engine) =>
      changingPages(engine, (page, { limit }) =>
        page.records.length === limit ? { ...page, until: page.until + 1 } : page,
      ),
  },
  {
    guarantee: 'a page begins above its offset',
    caught: 'read() begins above any offset, within a call as well',
    broken: (engine) =>
      overriding(engine, {
        log: {
          read: (topic, options) => engine.log.read(topic, { ...options, after: options.after - (options.after % 3) }),
        },
      }),
  },
  {
    guarantee: 'until never goes back',
    caught: 'read() at the end of the log answers until = after',
    broken: (engine) => changingPages(engine, (page) => ({ ...page, until: page.records.at(-1)?.offset ?? 0 })),
  },
  {
    guarantee: 'a shard has its own events',
    caught: 'read() of one shard passes over the others',
    broken: (engine) =>
      overriding(engine, {
        log: { read: (topic, { after, limit }) => engine.log.read(topic, { after, limit }) },
      }),
  },
  {
    guarantee: 'offsets grow in commit order',
    caught: 'a reader that has seen an offset never finds a new event at or below it',
    broken(engine) {
      const seen = new Set<number>()
      return changingPages(engine, (page) => {
        // Every tenth event appears only when somebody looks for it a second time.
        const isHidden = ({ offset }: LogRecord): boolean => offset % 10 === 0 && !seen.has(offset)
        const records = page.records.filter((record) => !isHidden(record))
        for (const { offset } of page.records) seen.add(offset)
        return { ...page, records }
      })
    },
  },
  {
    guarantee: 'latest lists a key once',
    caught: 'latest() lists the newest event of every key once',
    broken: (engine) =>
      overriding(engine, {
        log: {
          latest: async (topic, options) => {
            const page = await engine.log.latest(topic, options)
            return page.next === undefined ? { ...page, records: await allRecords(engine, topic) } : page
          },
        },
      }),
  },
  {
    guarantee: 'latest lists deletes',
    caught: 'latest() lists tombstones',
    broken: (engine) =>
      overriding(engine, {
        log: {
          latest: async (topic, options) => {
            const page = await engine.log.latest(topic, options)
            return { ...page, records: page.records.filter(({ event }) => !isTombstone(event)) }
          },
        },
      }),
  },
  {
    guarantee: 'latest is of entities',
    caught: 'latest() of a topic that is not of entities lists nothing',
    broken: (engine) =>
      overriding(engine, {
        log: { create: (topic, settings) => engine.log.create(topic, { ...settings, kind: 'entity' }) },
      }),
  },
  {
    guarantee: 'from is the head of the first page',
    caught: 'latest() carries the first head from page to page and says the present one',
    broken: (engine) =>
      overriding(engine, {
        log: {
          latest: async (topic, options) => {
            const page = await engine.log.latest(topic, options)
            return { ...page, from: page.until }
          },
        },
      }),
  },
  {
    guarantee: 'until is the head of the last page',
    caught: 'latest() with the deltas from `from` to `until` is complete under concurrent writes',
    broken: (engine) =>
      overriding(engine, {
        log: {
          latest: async (topic, options) => {
            const page = await engine.log.latest(topic, options)
            return { ...page, until: page.from }
          },
        },
      }),
  },
  {
    guarantee: 'a listing is stateless',
    caught: 'latest() keeps nothing between pages',
    broken(engine) {
      const cursors = new Map<string, string>()
      const restarting = onRestart(engine, () => cursors.clear())
      return overriding(restarting, {
        log: {
          latest: async (topic, { cursor, limit }) => {
            const real = cursor === undefined ? undefined : cursors.get(cursor)
            const page = await engine.log.latest(topic, { limit, ...(real !== undefined && { cursor: real }) })
            if (page.next === undefined) return page
            const name = String(cursors.size)
            cursors.set(name, page.next)
            return { ...page, next: name }
          },
        },
      })
    },
  },
  {
    guarantee: 'a cursor belongs to one life of a topic',
    caught: 'latest() refuses a cursor of another life of the topic',
    broken: (engine) =>
      overriding(engine, {
        log: {
          latest: async (topic, { cursor, limit }) => {
            const { incarnation } = (await engine.log.describe(topic))!
            return engine.log.latest(topic, {
              limit,
              ...(cursor && { cursor: cursor.replace(/^[a-z0-9]+/, incarnation) }),
            })
          },
        },
      }),
  },
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
