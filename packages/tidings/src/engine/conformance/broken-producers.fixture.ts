import type { AppendAnswer, AppendRequest, Engine, TopicId } from '../port.ts'
import {
  allRecords,
  changingEvents,
  changingRequests,
  identityOf,
  overriding,
  type Breakage,
} from './broken.fixture.ts'

/** Appends group after group instead of all at once; answers in the order given. */
function appendingBy(engine: Engine, groupOf: (request: AppendRequest) => string | undefined): Engine {
  const append = async (topic: TopicId, requests: readonly AppendRequest[]): Promise<readonly AppendAnswer[]> => {
    const answers = new Map<AppendRequest, AppendAnswer>()
    for (const group of new Set(requests.map(groupOf))) {
      const members = requests.filter((request) => groupOf(request) === group)
      const given = await engine.log.append(topic, members)
      members.forEach((request, index) => answers.set(request, given[index]!))
    }
    return requests.map((request) => answers.get(request)!)
  }
  return overriding(engine, { log: { append } })
}

const withoutProducer = ({ event, shard }: AppendRequest): AppendRequest => ({ event, shard })

/** Engines that break what the port says of producers and of versions. */
export const brokenProducers: readonly Breakage[] = [
  {
    guarantee: 'producer() answers the highest',
    caught: 'producer() answers the highest epoch and counter',
    broken(engine) {
      const first = new Map<string, { epoch: number; counter: number }>()
      return overriding(
        changingRequests(engine, (request) => {
          const { producer } = request
          if (producer && !first.has(producer.id)) first.set(producer.id, producer)
          return request
        }),
        { log: { producer: async (_, id) => first.get(id) } },
      )
    },
  },
  {
    guarantee: 'a counter is remembered for ever',
    caught: 'a counter that is not higher is a duplicate, however late',
    broken: (engine) => changingRequests(engine, withoutProducer),
  },
  {
    guarantee: 'an older epoch is refused',
    caught: 'an older epoch of a producer is fenced',
    broken: (engine) =>
      changingRequests(engine, async (request, topic) => {
        const { producer } = request
        if (!producer) return request
        const known = await engine.log.producer(topic, producer.id)
        return { ...request, producer: { ...producer, epoch: Math.max(producer.epoch, known?.epoch ?? 0) } }
      }),
  },
  {
    guarantee: 'a duplicate fences the epochs before it',
    caught: 'a duplicate raises the epoch of its producer',
    broken: (engine) =>
      changingRequests(engine, async (request, topic) => {
        const { producer } = request
        const known = producer && (await engine.log.producer(topic, producer.id))
        return known && producer.counter <= known.counter ? withoutProducer(request) : request
      }),
  },
  {
    guarantee: 'a duplicate counts',
    caught: 'a duplicate raises the counter of its producer',
    broken: (engine) =>
      changingRequests(engine, async (request, topic) => {
        const known = (await allRecords(engine, topic)).some(
          ({ event }) => identityOf(event) === identityOf(request.event),
        )
        return known ? withoutProducer(request) : request
      }),
  },
  {
    guarantee: 'within a call the accepted events of a producer are a prefix',
    caught: 'append() accepts a prefix of each producer within one call',
    broken: (engine) => appendingBy(engine, ({ event }) => event.key),
  },
  {
    guarantee: 'a counter never passes an event that was refused',
    caught: 'a refused event, a lost answer and a resend lose nothing',
    broken: (engine) => appendingBy(engine, ({ event }) => event.id),
  },
  {
    guarantee: 'producers belong to their topic',
    caught: 'producers of different topics and names keep apart',
    broken(engine) {
      const counters = new Map<string, number>()
      return overriding(engine, {
        log: {
          append: async (topic, requests) => {
            const isKnown = ({ producer }: AppendRequest): boolean =>
              producer !== undefined && producer.counter <= (counters.get(producer.id) ?? 0)
            if (requests.some(isKnown)) return requests.map((): AppendAnswer => ({ status: 'duplicate' }))
            for (const { producer } of requests) if (producer) counters.set(producer.id, producer.counter)
            return engine.log.append(topic, requests)
          },
        },
      })
    },
  },
  {
    guarantee: 'an older version is stale',
    caught: 'an entity event that is not newer than the newest of its key is stale',
    broken: (engine) =>
      changingEvents(engine, (event) => ({ ...event, ...(event.sequence && { sequence: event.sequence.slice(-1) }) })),
  },
  {
    guarantee: 'an erased entity is gone in its own version',
    caught: 'a tombstone in the version of the newest state is not stale',
    broken: (engine) =>
      changingEvents(engine, (event) => ({ ...event, type: event.type.replace('deleted', 'updated') })),
  },
  {
    guarantee: 'latest knows no stale event',
    caught: 'a stale event leaves latest alone',
    broken: (engine) =>
      overriding(engine, {
        log: {
          latest: async (topic, options) => {
            const records = await allRecords(engine, topic)
            const newest = new Map(records.map((record) => [record.event.key, record]))
            return { ...(await engine.log.latest(topic, options)), records: [...newest.values()] }
          },
        },
      }),
  },
  {
    guarantee: 'sourceepoch comes before sequence',
    caught: 'sourceepoch is compared before sequence',
    broken: (engine) => changingEvents(engine, (event) => ({ ...event, sourceepoch: 0 })),
  },
  {
    guarantee: 'the place in the log is a version',
    caught: 'without a sequence the place in the log is the version',
    broken: (engine) => changingEvents(engine, (event) => ({ ...event, sequence: event.sequence ?? '1' })),
  },
  {
    guarantee: 'event topics have no versions',
    caught: 'versions belong to a key of an entity topic',
    broken: (engine) =>
      overriding(engine, {
        log: { create: (topic, settings) => engine.log.create(topic, { ...settings, kind: 'entity' }) },
      }),
  },
]
