import type { ContractConsumer, ContractDescription, ContractTopicDescription } from 'tidings/broker'
import { cloudEventTrait, writeAnswers, writeMessages, type Components, type Message } from './messages.ts'
import { partName, referenceTo } from './names.ts'

type Part = Readonly<Record<string, unknown>>
type Reference = { readonly $ref: string }

/** Where the document says that the service meets the others. */
export interface ServerAddress {
  /** Host and port, as whoever asks has them. */
  readonly host: string
  readonly secure: boolean
  readonly namespace: string
}

export interface DescribedService {
  /** What it owns. */
  readonly contract: ContractDescription
  /** The contracts of others; of their topics those count that the service consumes. */
  readonly others: readonly ContractDescription[]
  readonly address: ServerAddress
}

/** An AsyncAPI document, 3.0.0: https://www.asyncapi.com/docs/reference/specification/v3.0.0 */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0'
  readonly info: Part & { readonly title: string; readonly version: string }
  readonly servers: Readonly<Record<string, Part>>
  readonly channels: Readonly<Record<string, Part>>
  readonly operations: Readonly<Record<string, Part>>
  readonly components: Readonly<Record<string, Part>>
}

interface OwnedTopic {
  readonly owner: string
  readonly topic: ContractTopicDescription
  /** Those of the service itself. */
  readonly readers: readonly ContractConsumer[]
}

/**
 * What a service publishes, accepts and reads, as an AsyncAPI document. A channel is a topic: its own ones, and those of
 * others that it consumes. It sends the events of its own topics; it receives tasks, answers, and what it consumes. To
 * whom it sends tasks is not known. The document refers to nothing outside of itself.
 */
export function describeService({ contract, others, address }: DescribedService): AsyncApiDocument {
  const { service, description } = contract
  const topics = topicsOf(contract, others)
  const shared = sharedTypes(topics)
  const components: Components = { messages: {}, schemas: {} }
  const channels: Record<string, Part> = {}
  const operations: Record<string, Part> = {}
  for (const each of topics) {
    const messages = writeMessages(each.topic, shared, components)
    const answers = writeAnswers(each.topic, shared, components)
    const written: Written = { service, messages, answers }
    channels[each.topic.topic] = channelOf(each, written)
    if (answers.length > 0) channels[answerChannel(each.topic)] = answersOf(each.topic, answers)
    Object.assign(operations, operationsOf(each, written))
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: service,
      version: versionOf(contract),
      ...(description !== undefined && { description }),
      'x-tidings': { owner: service, namespace: address.namespace },
    },
    servers: serversOf(address),
    channels,
    operations,
    components: {
      messages: components.messages,
      schemas: components.schemas,
      messageTraits: { cloudEvent: cloudEventTrait },
    },
  }
}

function topicsOf(contract: ContractDescription, others: readonly ContractDescription[]): readonly OwnedTopic[] {
  const { service } = contract
  return [contract, ...others].flatMap((each) =>
    each.topics
      .map((topic) => ({ owner: each.service, topic, readers: topic.consumers.filter((by) => by.service === service) }))
      .filter(({ owner, readers }) => owner === service || readers.length > 0),
  )
}

/** Types that more than one topic has. */
function sharedTypes(topics: readonly OwnedTopic[]): ReadonlySet<string> {
  const types = topics.flatMap(({ topic }) => topic.types.map(({ type }) => type))
  return new Set(types.filter((type, index) => types.indexOf(type) !== index))
}

/** `<highest version>.<number of revisions>.0` of its types: it grows with each registration that changes a schema. */
function versionOf({ topics }: ContractDescription): string {
  const types = topics.flatMap((topic) => topic.types)
  const revisions = types.flatMap(({ versions }) => versions.flatMap((version) => version.revisions))
  return `${Math.max(0, ...types.map(({ version }) => version))}.${revisions.length}.0`
}

function serversOf({ host, secure, namespace }: ServerAddress): Readonly<Record<string, Part>> {
  const pathname = `/v1/${namespace}`
  const s = secure ? 's' : ''
  return {
    http: { host, pathname, protocol: `http${s}`, description: 'Publish and consume; see /openapi.json.' },
    webSocket: { host, pathname: `${pathname}/stream`, protocol: `ws${s}`, description: 'Consume.' },
  }
}

function channelOf({ owner, topic, readers }: OwnedTopic, { service, messages }: Written): Part {
  const consumers = owner === service ? topic.consumers : readers
  return {
    address: topic.topic,
    ...(topic.description !== undefined && { description: topic.description }),
    messages: Object.fromEntries(messages.map(({ name }) => [name, referenceTo('components', 'messages', name)])),
    'x-tidings': {
      kind: topic.kind,
      owner,
      ...(topic.key !== undefined && { key: topic.key }),
      ...(topic.replies && { replies: true }),
      consumers: consumers.map(consumerOf),
    },
  }
}

function consumerOf({ consumer, service, as, types, needs }: ContractConsumer): Part {
  return {
    ...{ consumer, service, as },
    ...(types && { types }),
    ...(needs && { fields: needs.fields.map(({ field }) => field), observed: needs.observed }),
  }
}

/** No topic has this name. */
function answerChannel({ topic }: ContractTopicDescription): string {
  return partName(topic, 'answers')
}

function answersOf({ topic }: ContractTopicDescription, names: readonly string[]): Part {
  return {
    // Whoever sends the task names it.
    address: null,
    description: `Answers to the tasks of ${topic}, in a topic of whoever sends them.`,
    messages: Object.fromEntries(names.map((name) => [name, referenceTo('components', 'messages', name)])),
  }
}

interface Written {
  readonly service: string
  readonly messages: readonly Message[]
  readonly answers: readonly string[]
}

function operationsOf({ owner, topic, readers }: OwnedTopic, written: Written): Readonly<Record<string, Part>> {
  const { service, messages, answers } = written
  const name = topic.topic
  const channel = referenceTo('channels', name)
  const isOwn = owner === service
  const sends = isOwn && topic.kind !== 'task' && !topic.replies
  const receives = readers.length > 0 || (isOwn && !sends)
  const marked = { 'x-tidings': { owner, ...(readers.length > 0 && { consumers: readers.map(consumerOf) }) } }
  return {
    ...(sends && {
      [`send.${name}`]: { action: 'send', channel, messages: inChannel(name, messages), 'x-tidings': { owner } },
    }),
    ...(receives && {
      [`receive.${name}`]: {
        ...{ action: 'receive', channel, messages: inChannel(name, readBy(readers, messages)) },
        ...(isOwn && answers.length > 0 && { reply: replyOf(answerChannel(topic), answers) }),
        ...marked,
      },
    }),
  }
}

/** What is named by the filters of all of them; everything where one names nothing. */
function readBy(readers: readonly ContractConsumer[], messages: readonly Message[]): readonly Message[] {
  const named = readers.map(({ types }) => types)
  if (named.length === 0 || named.includes(undefined)) return messages
  return messages.filter(({ type }) => named.some((types) => types?.includes(type)))
}

function replyOf(channel: string, answers: readonly string[]): Part {
  return {
    address: { location: '$message.header#/ce-replyto' },
    channel: referenceTo('channels', channel),
    messages: inChannel(
      channel,
      answers.map((name) => ({ name })),
    ),
  }
}

function inChannel(channel: string, messages: readonly Pick<Message, 'name'>[]): readonly Reference[] {
  return messages.map(({ name }) => referenceTo('channels', channel, 'messages', name))
}
