import { TidingsError } from '../errors.ts'
import { validateName } from '../event/index.ts'
import type { TopicDefinition } from './port.ts'

/** Refuses a definition that no topic can have. */
export function checkTopic({ topic, kind, owner, shards }: TopicDefinition): void {
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
}
