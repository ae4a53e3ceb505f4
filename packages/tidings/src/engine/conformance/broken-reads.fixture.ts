import { isTombstone } from '../../event/index.ts'
import type { LogRecord } from '../port.ts'
import { allRecords, changingPages, onRestart, overriding, type Breakage } from './broken.fixture.ts'

/** Engines that break what the port says of reading and listing. */
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
    guarantee: 'the version says what is newest',
    caught: 'newest() finds the newest event of each of some keys',
    broken: (engine) =>
      overriding(engine, {
        log: {
          newest: async (topic, keys) => {
            const last = new Map((await allRecords(engine, topic)).map((record) => [record.event.key, record]))
            return keys.flatMap((key) => last.get(key) ?? [])
          },
        },
      }),
  },
  {
    guarantee: 'only entities have a newest event',
    caught: 'newest() finds nothing where no event is',
    broken: (engine) =>
      overriding(engine, {
        log: {
          newest: async (topic, keys) =>
            (await allRecords(engine, topic)).filter(
              ({ event }) => event.key !== undefined && keys.includes(event.key),
            ),
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
]
