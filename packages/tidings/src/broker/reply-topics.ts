import { TidingsError } from '../errors.ts'
import type { Event } from '../event/index.ts'
import { replyTopicOf } from './answers.ts'
import type { Catalog, StoredTopic } from './catalog.ts'
import type { SubscriptionDefinition } from './port/subscriptions.ts'
import type { TopicDefinition } from './port/topics.ts'

/** What the type of a task may have at most: that of its answer says what became of it. */
const longestType = 2_000

/** Refuses a task that wants its answer where its publisher may not have it. */
export function checkReplyTo(event: Event, principal: string, known: (topic: string) => StoredTopic | undefined): void {
  const wanted = event.extensions?.['replyto']
  if (wanted === undefined) return
  const name = replyTopicOf(event)
  const topic = name === undefined ? undefined : known(name)
  if (!topic) {
    throw new TidingsError(
      'topic-unknown',
      `The task wants its answer in ${JSON.stringify(wanted)}, and there is no such topic; create it first, with "replies".`,
    )
  }
  if (!topic.replies) {
    throw new TidingsError(
      'event-invalid',
      `The task wants its answer in ${topic.topic}, which takes no answers; name a topic that was created with "replies".`,
    )
  }
  if (topic.owner !== principal) {
    throw new TidingsError(
      'forbidden',
      `The task of "${principal}" wants its answer in ${topic.topic}, which belongs to ${topic.owner}; name a topic of its own.`,
    )
  }
  if (event.type.length > longestType) {
    throw new TidingsError('event-invalid', `The type of a task has at most ${longestType} characters.`)
  }
}

/** The reply topics of these events that are not known in memory are looked up, where another server may have made them. */
export async function findReplyTopics(catalog: Catalog, events: readonly Event[]): Promise<void> {
  const names = new Set(events.map(replyTopicOf))
  for (const name of names) if (name !== undefined && !catalog.known('topic', name)) await catalog.find('topic', name)
}

/** Refuses a topic for answers that could not take them, and a change of what a topic is for. */
export function checkReplies(definition: TopicDefinition, present: StoredTopic | undefined): void {
  const { topic, kind, replies = false, schemas } = definition
  if (replies && kind !== 'event') {
    throw new TidingsError(
      'bad-request',
      `${topic} is to take answers, and these are events; create it with the kind "event".`,
    )
  }
  if (replies && schemas) {
    throw new TidingsError(
      'bad-request',
      `${topic} takes the answers to tasks of others, so it has no schemas of its own.`,
    )
  }
  if (present && replies !== (present.replies ?? false)) {
    throw new TidingsError(
      'topic-conflict',
      `Topic ${topic} exists and ${replies ? 'takes events of its owner, not answers' : 'takes answers'}; choose another name.`,
      { details: { topic } },
    )
  }
}

/** Tasks are done, and answers are read, by the owner of their topic alone. */
export function checkConsumer({ subscription, policy }: SubscriptionDefinition, topic: StoredTopic): void {
  const { kind, replies, owner } = topic
  if (kind === 'task' && policy?.onDeadLetter === 'supersede') {
    throw new TidingsError('bad-request', 'A task is not made needless by the next one; choose "park" or "continue".')
  }
  if ((kind === 'task' || replies) && policy?.coalesce) {
    throw new TidingsError(
      'bad-request',
      'Tasks and answers are not coalesced: a newer one does not make an older one needless. Leave "coalesce" out.',
    )
  }
  if (kind === 'entity' && policy?.priorities) {
    throw new TidingsError(
      'bad-request',
      'The states of an entity come in their order, whatever they say: leave "priorities" out.',
    )
  }
  if ((kind !== 'task' && !replies) || subscription.split('.', 1)[0] === owner) return
  throw new TidingsError(
    'forbidden',
    `Only ${owner} may subscribe to ${topic.topic}, its topic of ${replies ? 'answers' : 'tasks'}; a subscription of it is named ${owner}.<name>.`,
  )
}
