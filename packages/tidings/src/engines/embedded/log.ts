import {
  formatCursor,
  parseCursor,
  type LatestPage,
  type Log,
  type LogDescription,
  type LogRecord,
  type LogSettings,
  type TopicId,
  type Watchers,
} from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'
import { topicKey } from './keys.ts'
import { Serial } from './serial.ts'
import type { Session } from './session.ts'
import { incarnationOf, putTopicRecord, type Topic, type TopicRecord } from './topic.ts'
import { eraseKey, trimTopic } from './topic-trimmer.ts'

export interface EmbeddedLogOptions {
  readonly environment: Environment
  readonly watchers: Watchers
  /** The open store; throws while there is none. */
  readonly session: () => Session
}

/** The log over topics in one store. Appends of all topics share its group commits. */
export function embeddedLog({ environment, watchers, session }: EmbeddedLogOptions): Log {
  // Topics come and go one at a time; so do trims and erasures, which rewrite what they have read.
  const administration = new Serial()
  const rewriting = new Serial()

  return {
    create: (id, settings) => administration.run(() => createTopic(session(), { id, settings, environment })),
    describe: async (id) => session().topics.get(nameOf(id))?.describe(),
    remove: (id) => administration.run(() => removeTopic(session(), id)),
    append(id, requests) {
      try {
        const open = session()
        const group = open.writer.group()
        return group.durable(topicOf(open, id).append(requests, group))
      } catch (error) {
        return Promise.reject(error)
      }
    },
    producer: async (id, producer) => topicOf(session(), id).producer(producer),
    async read(id, { after, limit, shard }) {
      const topic = topicOf(session(), id)
      // An interrupted trim may have left events of it; entity topics keep some anywhere.
      const { kind, trimmed, keptFrom = trimmed + 1 } = topic.record
      const begin = kind === 'entity' ? after : Math.max(after, keptFrom - 1)
      return topic.reader.read({ after: begin, limit, shard, head: topic.head })
    },
    latest: async (id, options) => latestOf(session(), topicOf(session(), id), options),
    newest: async (id, keys) => newestOf(topicOf(session(), id), keys),
    offsetBehind: async (id, bytes) => topicOf(session(), id).offsetBehind(bytes),
    trim: (id, through, options) =>
      rewriting.run(async () => trimTopic(topicOf(session(), id), { ...options, through }, session().writer)),
    erase: (id, key) => rewriting.run(async () => eraseKey(topicOf(session(), id), key, session().writer)),
    watch: (id, listener) => watchers.add(id, listener),
  }
}

async function createTopic(
  session: Session,
  { id, settings, environment }: { id: TopicId; settings: LogSettings; environment: Environment },
): Promise<LogDescription> {
  const name = nameOf(id)
  const existing = session.topics.get(name)
  if (existing) return describeEqual(existing, id, settings)
  const number = session.nextNumber()
  const record: TopicRecord = {
    kind: settings.kind,
    shards: settings.shards,
    number,
    incarnation: incarnationOf(number, environment),
    seed: Math.floor(environment.random.next() * 2 ** 31),
    trimmed: 0,
    head: 0,
  }
  const group = session.writer.group()
  putTopicRecord(name, record, group)
  await group.durable(undefined)
  return session.openTopic(name, record).describe()
}

function describeEqual(topic: Topic, id: TopicId, settings: LogSettings): LogDescription {
  const { kind, shards } = topic.record
  if (kind === settings.kind && shards === settings.shards) return topic.describe()
  throw new TidingsError(
    'topic-conflict',
    `Topic ${id.topic} exists as ${kind} with ${shards} shards and cannot become ${settings.kind} with ${settings.shards}; remove it first or use another name.`,
    { details: { ...id, kind, shards } },
  )
}

async function removeTopic(session: Session, id: TopicId): Promise<void> {
  const name = nameOf(id)
  const topic = session.topics.get(name)
  if (!topic) return
  topic.removed = true
  try {
    const group = session.writer.group()
    group.put({ key: topicKey(name), value: undefined })
    session.discard(topic.record.number, group)
    await group.durable(undefined)
    session.topics.delete(name)
  } catch (error) {
    topic.removed = false
    throw error
  }
}

/** As cursors name it. */
const engine = 'embedded'

async function latestOf(
  session: Session,
  topic: Topic,
  { cursor, limit }: { cursor?: string; limit: number },
): Promise<LatestPage> {
  const { incarnation } = topic.record
  const place = cursor === undefined ? undefined : parseCursor(cursor, { incarnation, engine })
  // What is appended from here on is in the deltas behind this head; what was before must be on disk to be listed.
  const from = place?.from ?? topic.head
  if (!place && topic.hasUnwrittenNewest) {
    const group = session.writer.group()
    topic.putNewest(group)
    await group.durable(undefined)
  }
  const entries = topic.newestAfter(place && Buffer.from(place.after, 'base64url'), limit + 1)
  const page = entries.slice(0, limit)
  // A tombstone that a trim took out has left its version in the index.
  const offsets = page.map(({ newest }) => newest.offset)
  const records = topic.reader.recordsAt(offsets, { trimmed: topic.record.trimmed })
  if (entries.length <= limit) return { records, from, until: topic.head }
  const after = Buffer.from(page.at(-1)?.key ?? []).toString('base64url')
  return { records, from, until: topic.head, next: formatCursor({ incarnation, from, engine, after }) }
}

function newestOf(topic: Topic, keys: readonly string[]): readonly LogRecord[] {
  const offsets = keys.flatMap((key) => topic.durableNewest(key)?.offset ?? [])
  return topic.reader.recordsAt(offsets, { trimmed: topic.record.trimmed })
}

function topicOf(session: Session, id: TopicId): Topic {
  const topic = session.topics.get(nameOf(id))
  if (topic && !topic.removed) return topic
  throw new TidingsError(
    'topic-unknown',
    `Topic ${id.topic} does not exist in namespace ${id.namespace}; create it first.`,
    {
      details: { ...id },
    },
  )
}

function nameOf({ namespace, topic }: TopicId): string {
  return `${namespace}/${topic}`
}

/** The topic of a name. */
export function topicIdOf(name: string): TopicId {
  const end = name.indexOf('/')
  return { namespace: name.slice(0, end), topic: name.slice(end + 1) }
}
