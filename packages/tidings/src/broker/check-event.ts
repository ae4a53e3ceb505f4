import { schemaVersionOf } from '../contract/index.ts'
import { TidingsError } from '../errors.ts'
import { deliverAt, hasControlCharacter, hasLoneSurrogate, validateKey, type Event } from '../event/index.ts'
import type { TopicKind } from '../engine/index.ts'

/** Compiles a JSON Schema to a check of payloads: `undefined`, or a sentence that names the path and the rule. */
export type CompileSchema = (schema: Readonly<Record<string, unknown>> | boolean) => CheckPayload
export type CheckPayload = (data: Uint8Array | undefined) => string | undefined

export interface EventRules {
  readonly topic: string
  readonly kind: TopicKind
  readonly maxPayloadBytes: number
  /** By event type; where there are any, other types are refused. */
  readonly checks?: ReadonlyMap<string, CheckPayload>
  /** By event type and version, where a type has others than the first. */
  readonly versions?: ReadonlyMap<string, ReadonlyMap<number, CheckPayload>>
}

const extensionName = /^[a-z0-9]{1,20}$/
const sequence = /^\d{1,20}$/
const entityType = /\.(created|updated|deleted)$/

/** Refuses an event that the topic must not hold, with what is wrong and what to do. */
export function checkEvent(event: Event, rules: EventRules): void {
  requireText(event.id, 'id')
  requireText(event.source, 'source')
  requireText(event.type, 'type')
  if (event.key !== undefined) validateKey(event.key)
  for (const attribute of ['subject', 'time', 'datacontenttype', 'dataschema'] as const) {
    if (event[attribute] !== undefined) requireText(event[attribute], attribute)
  }
  for (const [name, value] of Object.entries(event.extensions ?? {})) checkExtension(name, value)
  checkVersion(event)
  checkDeliverAt(event, rules)
  if (rules.kind === 'entity') checkEntityEvent(event, rules.topic)
  checkPayload(event, rules)
}

function requireText(value: unknown, attribute: string): void {
  if (typeof value !== 'string' || value === '')
    throw invalid(`The attribute "${attribute}" must be a text that is not empty.`)
  if (value.length > 2_048)
    throw invalid(`The attribute "${attribute}" has ${value.length} characters; at most 2048 are allowed.`)
  if (!isAttributeText(value)) throw invalid(`The attribute "${attribute}" ${notText}.`)
}

function checkExtension(name: string, value: unknown): void {
  if (!extensionName.test(name)) {
    throw invalid(`"${name.slice(0, 40)}" is not an attribute name: 1 to 20 lower-case letters and digits.`)
  }
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isInteger(value))) return
  if (typeof value === 'string' && !isAttributeText(value)) throw invalid(`The attribute "${name}" ${notText}.`)
  if (typeof value !== 'string' || value.length > 2_048) {
    throw invalid(`The attribute "${name}" must be a text of at most 2048 characters, an integer or a boolean.`)
  }
}

const notText = 'holds a control character or half of a surrogate pair; encode it'

function isAttributeText(value: string): boolean {
  return !hasLoneSurrogate(value) && !hasControlCharacter(value)
}

function checkVersion(event: Event): void {
  if (event.sequence !== undefined && !sequence.test(event.sequence)) {
    throw invalid(`The sequence "${event.sequence.slice(0, 40)}" is not a number of 1 to 20 decimal digits.`)
  }
  if (event.sourceepoch !== undefined && !(Number.isSafeInteger(event.sourceepoch) && event.sourceepoch >= 0)) {
    throw invalid('The attribute "sourceepoch" must be an integer of 0 or more.')
  }
}

function checkDeliverAt(event: Event, { kind, topic }: EventRules): void {
  const due = deliverAt(event)
  if (due === undefined) return
  if (Number.isNaN(due)) {
    throw invalid(
      `The attribute "deliverat" must be a time as RFC 3339 has it, such as 2031-05-01T08:00:00Z; it was ${String(event.extensions?.deliverat)}.`,
    )
  }
  if (kind === 'entity') {
    throw invalid(
      `The topic ${topic} tells the states of an entity, and these cannot come later than they are; leave "deliverat" out, or publish a task or an event that is due then.`,
    )
  }
}

function checkEntityEvent(event: Event, topic: string): void {
  if (event.key === undefined) {
    throw invalid(`An event of the entity topic ${topic} needs a key (attribute "partitionkey"): the id of its entity.`)
  }
  if (!entityType.test(event.type)) {
    throw invalid(
      `The type "${event.type}" is not one of an entity; use ${topic}.created, ${topic}.updated or ${topic}.deleted.`,
    )
  }
}

function checkPayload(event: Event, rules: EventRules): void {
  const { topic, maxPayloadBytes, checks } = rules
  const bytes = event.data?.byteLength ?? 0
  if (bytes > maxPayloadBytes) {
    throw new TidingsError(
      'payload-too-large',
      `The payload has ${bytes} bytes; this broker takes at most ${maxPayloadBytes}. Send a reference to the data instead, or raise the limit (maxPayloadBytes) where the broker is made.`,
      { details: { bytes, maxPayloadBytes } },
    )
  }
  if (!checks || checks.size === 0) return
  const check = checks.get(event.type) && checkOf(event, rules, checks.get(event.type)!)
  if (!check) {
    throw new TidingsError(
      'schema-violation',
      `Topic ${topic} has no schema for the type "${event.type}"; it knows ${[...checks.keys()].join(', ')}.`,
    )
  }
  const violation = check(event.data)
  if (violation !== undefined) {
    throw new TidingsError('schema-violation', `The payload of ${event.type} breaks its schema: ${violation}`, {
      details: { topic, type: event.type, violation },
    })
  }
}

/** Each version of a type is held to its own schema. */
function checkOf({ type, dataschema }: Event, { versions }: EventRules, newest: CheckPayload): CheckPayload {
  const known = versions?.get(type)
  if (!known) return newest
  const version = schemaVersionOf(type, dataschema)
  const check = version === undefined ? undefined : known.get(version)
  if (check) return check
  const said = dataschema === undefined ? 'no dataschema, which is version 1' : `the dataschema ${dataschema}`
  throw new TidingsError(
    'schema-violation',
    `The event has ${said}; of ${type} the versions ${[...known.keys()].join(', ')} are registered. Register the version with the contract, or set the attribute "dataschema" to tidings:${type}/<version>.`,
    { details: { type, versions: [...known.keys()] } },
  )
}

function invalid(message: string): TidingsError {
  return new TidingsError('event-invalid', message)
}
