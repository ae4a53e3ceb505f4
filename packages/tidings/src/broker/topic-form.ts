import { TidingsError } from '../errors.ts'
import { validateName } from '../event/index.ts'
import type { RetentionPolicy, TopicDefinition } from './port/topics.ts'

/** Refuses a definition of a topic that cannot be one. */
export function checkTopic({ topic, kind, owner, shards, retention, replies }: TopicDefinition): void {
  validateName(topic, 'topic')
  validateName(owner, 'service')
  if (kind !== 'entity' && kind !== 'event' && kind !== 'task') {
    throw new TidingsError(
      'bad-request',
      `"${String(kind)}" is not a kind of topic; a topic is an entity, event or task topic.`,
    )
  }
  if (shards !== undefined && !(Number.isInteger(shards) && shards > 0 && shards <= 256)) {
    throw new TidingsError('bad-request', `"shards" must be a whole number from 1 to 256; it was ${String(shards)}.`)
  }
  if (retention === undefined || retention === 'none') return
  checkRetention(retention)
  if (!retention.overtakes || (kind === 'event' && !replies)) return
  throw new TidingsError(
    'bad-request',
    '"retention.overtakes" is for event topics that take no answers: a task would go without an answer, a copy would lack states. To let go of a subscription that nobody consumes, give it "expiresAfterMs".',
  )
}

function checkRetention(retention: RetentionPolicy): void {
  const names = ['maxAgeMs', 'maxEvents', 'maxBytes', 'tombstonesMs'] as const
  for (const name of names) {
    const value = retention[name]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new TidingsError(
        'bad-request',
        `"retention.${name}" must be a whole number of at least 1; it was ${String(value)}.`,
      )
    }
  }
  const { maxAgeMs, maxEvents, maxBytes } = retention
  if (maxAgeMs ?? maxEvents ?? maxBytes) return
  throw new TidingsError(
    'bad-request',
    '"retention" needs at least one of "maxAgeMs", "maxEvents" and "maxBytes"; "none" keeps everything.',
  )
}
