import type { AppendAnswer, LogDescription, LogPage } from '../port.ts'
import { Watchers } from '../watchers.ts'
import {
  allRecords,
  changingAnswers,
  changingPages,
  changingRequests,
  identityOf,
  overriding,
  renamed,
  turn,
  type Breakage,
} from './broken.fixture.ts'

/** Engines that do right by themselves and wrong beside another one on the same store. */
export const brokenShared: readonly Breakage[] = [
  {
    guarantee: 'offsets grow in commit order',
    caught: 'two engines: offsets are dense, and a reader of either never finds a new event below one that it has seen',
    shared: true,
    broken(engine) {
      // The newest but one becomes visible when the newest is there already, as with numbers from a sequence.
      let late = 0
      return changingPages(engine, (page) => {
        const next = page.records.at(-2)?.offset ?? 0
        if (next <= late) return page
        late = next
        return { ...page, records: page.records.filter(({ offset }) => offset !== next) }
      })
    },
  },
  {
    guarantee: 'a call is decided in one piece',
    caught: 'two engines: the accepted events of a key in one call are a prefix, whatever the other accepts meanwhile',
    shared: true,
    broken: (engine) =>
      overriding(engine, {
        log: {
          append: async (topic, requests) => {
            const answers: AppendAnswer[] = []
            for (const request of requests) {
              await turn()
              answers.push(...(await engine.log.append(topic, [request])))
            }
            return answers
          },
        },
      }),
  },
  {
    guarantee: 'what another engine stored is looked up behind the lock',
    caught: 'two engines: an identity is stored once, and another content under it is refused',
    shared: true,
    broken(engine) {
      return overriding(engine, {
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
      })
    },
  },
  {
    guarantee: 'producers are known to all engines',
    caught: 'two engines: a producer that one of them replaced is fenced in both',
    shared: true,
    broken(engine) {
      const mine = new Map<string, number>()
      return changingRequests(engine, (request) => {
        const { producer, ...rest } = request
        if (!producer) return request
        const highest = Math.max(mine.get(producer.id) ?? 0, producer.epoch)
        mine.set(producer.id, highest)
        return producer.epoch < highest ? request : rest
      })
    },
  },
  {
    guarantee: 'versions are known to all engines',
    caught: 'two engines: what is older than the newest of its key is stale, whichever took that',
    shared: true,
    broken: (engine) =>
      changingPages(engine, (page) => ({
        ...page,
        records: page.records.map((record) => ({ ...record, stale: false })),
      })),
  },
  {
    guarantee: 'nothing is answered from memory that another engine may have changed',
    caught: 'two engines: what one has acknowledged, the other reads, describes and lists',
    shared: true,
    broken(engine) {
      let head = 0
      const own = changingAnswers(engine, (answers) => {
        for (const answer of answers) if (answer.status === 'stored') head = Math.max(head, answer.offset)
        return answers
      })
      const within = (page: LogPage): LogPage => ({
        ...page,
        records: page.records.filter(({ offset }) => offset <= head),
      })
      return changingPages(own, within)
    },
  },
  {
    guarantee: 'a trim sees what others append',
    caught: 'two engines: trim() through one while the other appends keeps the newest of each key',
    shared: true,
    broken(engine) {
      // Whatever was kept as the newest of its key stays, since only another engine has seen it replaced.
      const kept = new Set<number>()
      return overriding(engine, {
        log: {
          trim: async (topic, through, options) => {
            for (const { offset } of (await engine.log.latest(topic, { limit: 1_000 })).records) kept.add(offset)
            return engine.log.trim(topic, through, { ...options, keep: [...kept].sort((left, right) => left - right) })
          },
        },
      })
    },
  },
  {
    guarantee: 'hints go to all engines',
    caught: 'two engines: watch() hints at an append through the other',
    shared: true,
    broken(engine) {
      const watchers = new Watchers()
      return overriding(engine, {
        log: {
          watch: (topic, listener) => watchers.add(topic, listener),
          append: async (topic, requests) => {
            const answers = await engine.log.append(topic, requests)
            watchers.notify(topic)
            return answers
          },
        },
      })
    },
  },
  {
    guarantee: 'a life is made once',
    caught: 'two engines: create() through both at once makes one life',
    shared: true,
    broken(engine) {
      const life = `life${(lives += 1)}`
      return overriding(engine, {
        log: {
          create: async (topic, settings) => ({ ...(await engine.log.create(topic, settings)), incarnation: life }),
        },
      })
    },
  },
  {
    guarantee: 'the life of a topic is not remembered',
    caught: 'two engines: a topic that one removed and made again is another life for both',
    shared: true,
    broken(engine) {
      let described: LogDescription | undefined
      return overriding(engine, {
        log: {
          create: async (topic, settings) => (described ??= await engine.log.create(topic, settings)),
          describe: async (topic) => described ?? engine.log.describe(topic),
        },
      })
    },
  },
  {
    guarantee: 'epochs are given by the store',
    caught: 'two engines: own() gives each owner a higher epoch, and both know the last one',
    shared: true,
    broken(engine) {
      let epoch = 0
      return overriding(engine, {
        ledger: { own: async (id, options) => ({ ...(await engine.ledger.own(id, options)), epoch: (epoch += 1) }) },
      })
    },
  },
  {
    guarantee: 'a commit is fenced by the store',
    caught: 'two engines: commits that are under way when the other takes over are applied before or refused',
    shared: true,
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          commit: async (ownership, changes) => {
            await turn()
            const owner = await engine.ledger.owner(ownership.id)
            return engine.ledger.commit({ ...ownership, epoch: owner?.epoch ?? 0 }, changes)
          },
        },
      }),
  },
  {
    guarantee: 'what is removed is removed for all engines',
    caught: 'two engines: what one has committed, the other loads, and what it removed is gone',
    shared: true,
    broken: (engine) => overriding(engine, { ledger: { remove: async () => undefined } }),
  },
]

let lives = 0
