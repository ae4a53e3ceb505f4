import type { FastifyRequest } from 'fastify'
import { TidingsError } from 'tidings'
import type { Broker, Caller, PublishAnswer, PublishedEvent } from 'tidings/broker'
import {
  batchType,
  eventOfAttributes,
  headerAttributes,
  isJsonType,
  parseBatch,
  parseBinary,
  parseJson,
  parseStructured,
  structuredType,
  type Event,
  type Header,
} from 'tidings/event'
import { decodeFrame, frameType, producerStamp, protocolLimits, type ValueOf, type routes } from 'tidings/protocol'
import { StatusError } from './problems.ts'

type PublishQuery = ValueOf<(typeof routes)['publish']['query']>
export type PublishContext = {
  readonly broker: Broker
  readonly caller: Caller
  readonly topic: string
  readonly query: PublishQuery
  readonly body: Uint8Array
  readonly request: FastifyRequest
  readonly nextId: () => string
}

/** Publishes what a request carries in one of five ways; see docs/protocol.md. One event is answered alone, a batch in a list. */
export async function publish(context: PublishContext): Promise<object> {
  const { events, single } = await eventsOf(context)
  if (events.length > protocolLimits.events) {
    throw new TidingsError(
      'bad-request',
      `The batch has ${events.length} events, at most ${protocolLimits.events} go in one; send several.`,
    )
  }
  const results = await context.broker.publish(context.caller, { topic: context.topic, events })
  if (!single) return { results }
  return answerOfOne(results[0]!, events[0]!.event)
}

async function eventsOf(context: PublishContext): Promise<{ events: readonly PublishedEvent[]; single: boolean }> {
  const { body, request } = context
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (type === frameType) return { events: frameEvents(body), single: false }
  if (type.startsWith('application/cloudevents')) requireKnownFormat(type)
  if (type === batchType) return { events: parseBatch(body).map((event) => ({ event })), single: false }
  if (type === structuredType) return { events: [{ event: parseStructured(body) }], single: true }
  const headers = headerPairs(request.raw.rawHeaders)
  const isCloudEvent = request.headers['ce-specversion'] !== undefined
  return {
    events: [{ event: isCloudEvent ? parseBinary(headers, body) : await plainEvent(context, type, headers) }],
    single: true,
  }
}

function requireKnownFormat(type: string): void {
  if (type === batchType || type === structuredType) return
  throw new StatusError(
    415,
    `CloudEvents in the format ${type} are not known; send ${structuredType}, ${batchType} or the binary mode.`,
  )
}

/** What a program sends that knows nothing of CloudEvents: the payload, and as much else as it cares to say. */
async function plainEvent(
  { broker, caller, topic, query, body, nextId }: PublishContext,
  type: string,
  headers: Iterable<Header>,
): Promise<Event> {
  if (type === 'application/x-www-form-urlencoded' || type === 'multipart/form-data') {
    throw new StatusError(
      415,
      `A form is not an event; say what the body is, for example with -H 'content-type: application/json'.`,
    )
  }
  if (body.length > 0 && isJsonType(type || undefined)) parseJson(body, 'event-invalid', 'The payload')
  const attributes = new Map<string, unknown>(headerAttributes(headers))
  attributes.set('specversion', '1.0')
  const { key, ...named } = query
  for (const [name, value] of Object.entries({ ...named, partitionkey: key })) {
    if (value !== undefined) attributes.set(name, value)
  }
  if (!attributes.has('id')) attributes.set('id', nextId())
  if (!attributes.has('source')) attributes.set('source', caller.principal)
  if (!attributes.has('type')) attributes.set('type', await defaultType(broker, caller, topic))
  return eventOfAttributes(attributes, body.length === 0 ? undefined : body)
}

async function defaultType(broker: Broker, caller: Caller, topic: string): Promise<string> {
  const { kind } = await broker.topic(caller, topic)
  if (kind !== 'entity') return topic
  throw new TidingsError(
    'event-invalid',
    `An event of the entity topic ${topic} needs a type; add ?type=${topic}.created, .updated or .deleted.`,
  )
}

function frameEvents(body: Uint8Array): readonly PublishedEvent[] {
  const { events } = decodeFrame(body)
  if (!Array.isArray(events))
    throw new TidingsError('protocol-violation', 'A published frame must have a list "events".')
  return events.map((element: { event: Event; producer?: unknown }, index): PublishedEvent => {
    const { event } = element
    if (!isWellTyped(event)) {
      throw new TidingsError('protocol-violation', `events[${index}]: its attributes have types that no event has.`)
    }
    if (element.producer === undefined) return { event }
    return {
      event,
      producer: producerStamp.read(element.producer, `events[${index}].producer`),
    }
  })
}

/** Whether an event that was decoded has the types that its encoding promises; what it says is the broker's to judge. */
function isWellTyped(event: Event): boolean {
  const { id, source, type, key, subject, time, datacontenttype, dataschema, sequence, extensions = {} } = event
  const texts: unknown[] = [id, source, type]
  for (const each of [key, subject, time, datacontenttype, dataschema, sequence])
    if (each !== undefined) texts.push(each)
  return texts.every((each) => typeof each === 'string') && typeof extensions === 'object' && !Array.isArray(extensions)
}

/** Publishes events of a message of the WebSocket: texts of CloudEvents in the JSON format. */
export async function publishTexts(
  broker: Broker,
  caller: Caller,
  { topic, events: texts }: { readonly topic: string; readonly events: readonly string[] },
): Promise<object> {
  const events = texts.map((text) => ({ event: parseStructured(new TextEncoder().encode(text)) }))
  return { results: await broker.publish(caller, { topic, events }) }
}

function answerOfOne(answer: PublishAnswer, { id, source }: Event): object {
  if (answer.status === 'refused') throw new TidingsError(answer.code, answer.message, { details: { id, source } })
  return { ...answer, id, source }
}

function headerPairs(raw: readonly string[]): Header[] {
  const pairs: Header[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) pairs.push([raw[index]!, raw[index + 1]!])
  return pairs
}
