import type { Log, TopicId, Watchers } from '../../engine/index.ts'
import { bytesOfName } from './names.ts'
import type { OpenStore } from './open-store.ts'
import { createTopic, describeTopic, topicOf } from './topic.ts'
import { latestOf, newestOf, offsetBehind, readTopic } from './topic-reader.ts'

export interface PostgresLogOptions {
  readonly watchers: Watchers
  /** The open store; throws while there is none. */
  readonly store: () => OpenStore
}

/** The log over topics in one schema. */
export function postgresLog({ watchers, store }: PostgresLogOptions): Log {
  /** Runs a call that `stop` waits for. */
  const call = async <Result>(work: (open: OpenStore) => Promise<Result>): Promise<Result> => {
    const open = store()
    return open.session.track(work(open))
  }
  return {
    create: (id, settings) => call(({ session }) => createTopic(session, id, settings)),
    describe: (id) => call(({ session }) => describeTopic(session, id)),
    remove: (id) =>
      call(async (open) => {
        await open.trimmer.remove(id)
        open.forgetAppender(id)
      }),
    append: (id, requests) => call((open) => open.appender(id).append(requests)),
    producer: (id, producer) => call((open) => producerOf(open, id, producer)),
    read: (id, options) => call(({ session }) => readTopic(session, id, options)),
    latest: (id, options) => call(({ session }) => latestOf(session, id, options)),
    newest: (id, keys) => call(({ session }) => newestOf(session, id, keys)),
    offsetBehind: (id, bytes) => call(({ session }) => offsetBehind(session, id, bytes)),
    trim: (id, through, options) => call(({ trimmer }) => trimmer.trim(id, { ...options, through })),
    erase: (id, key) => call(({ trimmer }) => trimmer.erase(id, key)),
    watch: (id, listener) => watchers.add(id, listener),
  }
}

async function producerOf(
  { session }: OpenStore,
  id: TopicId,
  producer: string,
): Promise<{ readonly epoch: number; readonly counter: number } | undefined> {
  const { number } = await topicOf(session, id)
  const [row] = await session.query<{ epoch: number; counter: number }>(
    `looking for producer ${producer}`,
    'select epoch, counter from {producer} where topic = $1 and id = $2',
    [number, bytesOfName(producer)],
  )
  return row
}
