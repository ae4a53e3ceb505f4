import type { ContractRevision, ContractTopicDescription, ContractTypeDescription } from 'tidings/broker'
import { embedSchema } from 'tidings/compatibility'
import { partName, referenceTo } from './names.ts'

type Part = Readonly<Record<string, unknown>>
type JsonSchema = NonNullable<ContractRevision['schema']>

/** JSON Schema 2020-12, in the media type that AsyncAPI writes for its older drafts. */
const schemaFormat = 'application/schema+json;version=draft-2020-12'

/** The parts of a document that others refer to, by name. */
export interface Components {
  readonly messages: Record<string, Part>
  readonly schemas: Record<string, Part>
}

/** A message of a channel: the name of its component, and the type that it carries. */
export interface Message {
  readonly name: string
  readonly type: string
}

/**
 * Writes a message for each type of a topic and each version that its events may have, the newest first, and the schemas
 * that they refer to. A type that another topic of the document has as well is `shared`: its names say the topic.
 */
export function writeMessages(
  topic: ContractTopicDescription,
  shared: ReadonlySet<string>,
  components: Components,
): readonly Message[] {
  return topic.types.flatMap((type) => {
    const older = type.versions.filter(({ version }) => version < type.version).toReversed()
    const versions = [type.version, ...older.map(({ version }) => version)]
    return versions.map((version) => {
      const isNewest = version === type.version
      const of = shared.has(type.type) ? [topic.topic, type.type] : [type.type]
      const name = isNewest && of.length === 1 ? partName(type.type) : partName(...of, `v${version}`)
      components.messages[name] = messageOf(topic, type, { version, name, components })
      return { name, type: type.type }
    })
  })
}

/** The answers to a task that says what its result is: names of messages. */
export function writeAnswers(
  topic: ContractTopicDescription,
  shared: ReadonlySet<string>,
  components: Components,
): readonly string[] {
  return topic.types.flatMap((type) => {
    if (type.result === undefined) return []
    const of = shared.has(type.type) ? [topic.topic, type.type] : [type.type]
    const results = [
      ['accepted', type.result, 'The task was done; this is its result.'],
      ['refused', refusal, 'The task will not be done.'],
    ] as const
    return results.map(([outcome, schema, description]) => {
      const name = partName(...of, outcome)
      components.messages[name] = {
        name: `${type.type}.${outcome}`,
        description,
        contentType: 'application/json',
        traits: [cloudEvent],
        headers: headersOf(`${type.type}.${outcome}`, undefined),
        correlationId,
        ...payloadOf(schema, name, components),
      }
      return name
    })
  })
}

const refusal: JsonSchema = { type: 'object', properties: { reason: { type: 'string' } }, required: ['reason'] }
const cloudEvent = referenceTo('components', 'messageTraits', 'cloudEvent')
const correlationId = { location: '$message.header#/ce-correlationid' }

/** What the attributes of every event are, in the headers of the binary mode of CloudEvents over HTTP. */
export const cloudEventTrait: Part = {
  description:
    'A CloudEvent 1.0. The headers are those of the binary mode of its HTTP binding; in the structured mode and over WebSocket they are attributes of the same names without "ce-".',
  headers: {
    type: 'object',
    required: ['ce-specversion', 'ce-id', 'ce-source', 'ce-type'],
    properties: {
      'ce-specversion': { type: 'string', const: '1.0' },
      'ce-id': { type: 'string', minLength: 1 },
      'ce-source': { type: 'string', minLength: 1 },
      'ce-type': { type: 'string' },
      'ce-time': { type: 'string', format: 'date-time' },
      'ce-subject': { type: 'string' },
      'ce-partitionkey': { type: 'string', description: 'The key: events with an equal one keep their order.' },
      'ce-dataschema': { type: 'string', description: 'tidings:<type>/<version>; without it an event has version 1.' },
      'ce-correlationid': { type: 'string' },
      'ce-causationid': { type: 'string' },
      'ce-replyto': { type: 'string', description: 'Of a task: the topic of the sender that its answer goes to.' },
      'ce-traceparent': { type: 'string' },
    },
  },
}

interface Place {
  readonly version: number
  readonly name: string
  readonly components: Components
}

function messageOf(
  { kind, key, ...topic }: ContractTopicDescription,
  type: ContractTypeDescription,
  { version, name, components }: Place,
): Part {
  const isNewest = version === type.version
  const held = type.versions.find((each) => each.version === version)
  const revision = held?.revisions.find((each) => each.revision === held.current)
  const schema = isNewest ? type.schema : revision?.schema
  const description = type.description ?? topic.description
  return {
    name: type.type,
    ...(description !== undefined && { description }),
    ...(schema !== undefined && { contentType: 'application/json' }),
    ...(!isNewest && { deprecated: true }),
    traits: [cloudEvent],
    headers: headersOf(type.type, { version, isKeyed: kind === 'entity' || key !== undefined }),
    ...(type.result !== undefined && { correlationId }),
    ...(schema !== undefined && payloadOf(schema, name, components)),
    'x-tidings': {
      kind,
      ...(key !== undefined && { key }),
      version,
      ...(revision && { revision: revision.revision, digest: revision.digest }),
    },
  }
}

/** As the wire has it. */
function dataschemaOf(type: string, version: number): string {
  return `tidings:${type}/${version}`
}

function headersOf(type: string, held: { readonly version: number; readonly isKeyed: boolean } | undefined): Part {
  // Events of version 1 may say nothing of their schema, or name one of somebody else.
  const says = held !== undefined && held.version > 1
  const required = [...(held?.isKeyed ? ['ce-partitionkey'] : []), ...(says ? ['ce-dataschema'] : [])]
  return {
    type: 'object',
    properties: {
      'ce-type': { type: 'string', const: type },
      ...(says && { 'ce-dataschema': { type: 'string', const: dataschemaOf(type, held.version) } }),
      ...(held && !says && { 'ce-dataschema': { type: 'string', examples: [dataschemaOf(type, 1)] } }),
    },
    // Traits are merged, and a list takes the place of another.
    required: ['ce-specversion', 'ce-id', 'ce-source', 'ce-type', ...required],
  }
}

function payloadOf(schema: JsonSchema, name: string, { schemas }: Components): Part {
  const place = referenceTo('components', 'schemas', name)
  const embedded = embedSchema(schema, `${place.$ref}/schema`)
  // It is left out rather than written as something else.
  if (embedded === undefined) return {}
  schemas[name] = { schemaFormat, schema: embedded }
  return { payload: place }
}
