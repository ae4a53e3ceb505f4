import { Watchers, type Log, type LogDescription, type LogSettings, type TopicId } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'
import { incarnationOf } from './incarnation.ts'
import { MemoryTopic } from './topic.ts'

export interface MemoryLogOptions {
  readonly environment: Environment
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
  readonly topics: MemoryTopics
  readonly ensureRunning: () => void
}

/** By namespace and name, parted by a slash. */
export type MemoryTopics = Map<string, MemoryTopic>

/** The log over topics in memory. Each call runs in one piece, which makes it atomic and ordered. */
export function memoryLog({ environment, deduplication, topics, ensureRunning }: MemoryLogOptions): Log {
  const watchers = new Watchers()
  let created = 0

  const find = ({ namespace, topic }: TopicId): MemoryTopic | undefined => {
    ensureRunning()
    return topics.get(`${namespace}/${topic}`)
  }
  const get = (topic: TopicId): MemoryTopic => {
    const found = find(topic)
    if (found) return found
    throw new TidingsError(
      'topic-unknown',
      `Topic ${topic.topic} does not exist in namespace ${topic.namespace}; create it first.`,
      {
        details: { ...topic },
      },
    )
  }
  const create = (topic: TopicId, settings: LogSettings): LogDescription => {
    const existing = find(topic)
    if (!existing) {
      created += 1
      const incarnation = incarnationOf(created, environment)
      const made = new MemoryTopic({ incarnation, settings, deduplication, environment })
      topics.set(`${topic.namespace}/${topic.topic}`, made)
      return made.describe()
    }
    const { kind, shards } = existing.settings
    if (kind === settings.kind && shards === settings.shards) return existing.describe()
    throw new TidingsError(
      'topic-conflict',
      `Topic ${topic.topic} exists as ${kind} with ${shards} shards and cannot become ${settings.kind} with ${settings.shards}; remove it first or use another name.`,
      { details: { ...topic, kind, shards } },
    )
  }

  return {
    create: async (topic, settings) => create(topic, settings),
    describe: async (topic) => find(topic)?.describe(),
    async remove(topic) {
      if (find(topic)) topics.delete(`${topic.namespace}/${topic.topic}`)
    },
    async append(topic, requests) {
      const answers = get(topic).append(requests)
      if (answers.some((answer) => answer.status === 'stored')) watchers.notify(topic)
      return answers
    },
    producer: async (topic, id) => get(topic).producer(id),
    read: async (topic, options) => get(topic).read(options),
    latest: async (topic, options) => get(topic).latest(options),
    newest: async (topic, keys) => get(topic).newest(keys),
    offsetBehind: async (topic, bytes) => get(topic).offsetBehind(bytes),
    trim: async (topic, through, options) => get(topic).trim(through, options),
    erase: async (topic, key) => get(topic).erase(key),
    watch: (topic, listener) => watchers.add(topic, listener),
  }
}
