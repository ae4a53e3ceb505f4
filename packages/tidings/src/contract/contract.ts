import { validateName } from '../event/index.ts'
import type { Definition, EntityDefinition, JsonSchema, MessageDefinition, RepliesDefinition } from './definition.ts'
import type { Describing } from './describing.ts'
import type { EventType, Kind } from './event-type.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { Replies } from './replies.ts'
import type { InferInput, InferOutput, StandardSchemaV1 } from './standard-schema.ts'
import { dataschemaOf, onlyVersion, versionsOf, type Versions } from './versions.ts'

/** `emailSent` → `email-sent`. */
export type KebabCase<Name extends string, Done extends string = ''> = Name extends `${infer First}${infer Rest}`
  ? KebabCase<Rest, First extends Lowercase<First> ? `${Done}${First}` : `${Done}-${Lowercase<First>}`>
  : Done

/** An entity of a contract: its topic and the three types of its events. */
export interface Entity<
  Service extends string = string,
  Topic extends string = string,
  Input = unknown,
  Data = unknown,
  Key extends string = string,
> extends Versions {
  readonly kind: 'entity'
  readonly service: Service
  readonly topic: Topic
  /** The property of the data that is the key. */
  readonly key: Key
  readonly schema: StandardSchemaV1<Input, Data>
  readonly jsonSchema: JsonSchema | undefined
  readonly created: EventType<Service, 'entity', `${Topic}.created`, Input, Data>
  readonly updated: EventType<Service, 'entity', `${Topic}.updated`, Input, Data>
  /** Carries the key alone. */
  readonly deleted: EventType<Service, 'entity', `${Topic}.deleted`, DataOfKey<Data, Key>, DataOfKey<Data, Key>>
}

type DataOfKey<Data, Key extends string> = {
  readonly [Property in Key]: Property extends keyof Data ? Data[Property] : unknown
}

/** What stands in a contract under a name: an entity, or the type of a plain event or task. */
export type ContractEntry<Service extends string, Name extends string, Of extends Definition> =
  Of extends EntityDefinition<infer Schema, infer Key>
    ? Entity<Service, `${Service}.${KebabCase<Name>}`, InferInput<Schema>, InferOutput<Schema>, Key>
    : Of extends MessageDefinition<infer OfKind, infer Schema, infer Result>
      ? EventType<
          Service,
          OfKind,
          `${Service}.${KebabCase<Name>}`,
          InferInput<Schema>,
          InferOutput<Schema>,
          InferOutput<Result>
        >
      : Of extends RepliesDefinition
        ? Replies<Service, `${Service}.${KebabCase<Name>}`>
        : never

/** What a service publishes and accepts. Its own details stand under `~contract`, so that every other name is free. */
export type Contract<Service extends string = string, Definitions extends Record<string, Definition> = {}> = {
  readonly '~contract': ContractDetails<Service>
} & { readonly [Name in keyof Definitions & string]: ContractEntry<Service, Name, Definitions[Name]> }

export interface ContractDetails<Service extends string = string> extends Describing {
  readonly service: Service
  readonly topics: readonly ContractTopic[]
}

/** One topic of a contract, as the broker is told about it. */
export interface ContractTopic extends Describing {
  readonly topic: string
  readonly kind: Kind
  readonly types: readonly EventType[]
  /** It takes the answers to tasks of its owner. */
  readonly replies?: true
}

/**
 * Defines what a service publishes and accepts. The names become topics and types: `crm` with an entity `customer`
 * has the topic `crm.customer` and the types `crm.customer.created`, `.updated` and `.deleted`; an event `emailSent`
 * of `marketing` has the topic and type `marketing.email-sent`. What `describing` says of changes holds for the parts that
 * say nothing themselves.
 */
export function defineContract<const Service extends string, const Definitions extends Record<string, Definition>>(
  service: Service,
  definitions: Definitions,
  describing: Describing = {},
): Contract<Service, Definitions> {
  validateName(service, 'service')
  const topics: ContractTopic[] = []
  const entries = Object.entries(definitions).map(([name, definition]): readonly [string, object] => {
    if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) {
      throw new Error(`"${name}" cannot name a part of the contract of ${service}: write it in camelCase.`)
    }
    const topic = validateName(`${service}.${kebabCase(name)}`, 'topic')
    if (definition.kind === 'replies') {
      topics.push({ ...describingOf(definition), topic, kind: 'event', types: [], replies: true })
      return [name, { kind: 'replies', service, topic }]
    }
    const entry =
      definition.kind === 'entity' ? entityOf(service, topic, definition) : messageOf(service, topic, definition)
    const types = 'created' in entry ? [entry.created, entry.updated, entry.deleted] : [entry]
    topics.push({ ...describingOf(definition), topic, kind: definition.kind, types })
    return [name, entry]
  })
  // The mapped type above says for each name what the loop made of it; a loop cannot say that to the compiler.
  const details = { ...describingOf(describing), service, topics }
  return { '~contract': details, ...Object.fromEntries(entries) } as unknown as Contract<Service, Definitions>
}

function describingOf({ description, compatibility }: Describing): Describing {
  return { ...(description !== undefined && { description }), ...(compatibility && { compatibility }) }
}

function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function messageOf(service: string, topic: string, definition: MessageDefinition): EventType {
  const { kind, schema, key, result } = definition
  const jsonSchema = definition.jsonSchema ?? jsonSchemaOf(schema)
  const versions = versionsOf(topic, definition)
  return { ...versioned(topic, versions), kind, service, topic, key, schema, jsonSchema, ...(result ? { result } : {}) }
}

function entityOf(service: string, topic: string, definition: EntityDefinition): Entity {
  const { schema, key } = definition
  const jsonSchema = definition.jsonSchema ?? jsonSchemaOf(schema)
  const versions = versionsOf(topic, definition)
  const shared = { kind: 'entity', service, topic, key, schema, jsonSchema } as const
  return {
    ...shared,
    ...versions,
    created: { ...shared, ...versioned(`${topic}.created`, versions) },
    updated: { ...shared, ...versioned(`${topic}.updated`, versions) },
    deleted: {
      ...shared,
      // Its schema is the key, which no version of the entity changes: a deletion can always be read.
      ...versioned(`${topic}.deleted`, onlyVersion),
      schema: keyAlone(key),
      jsonSchema: jsonSchemaOfKey(jsonSchema, key),
    },
  }
}

/** A type with its versions. */
function versioned<Type extends string>(type: Type, versions: Versions): Versions & { type: Type; dataschema: string } {
  return { type, dataschema: dataschemaOf(type, versions.version), ...versions }
}

/** The schema of `deleted`: the key property, everything else dropped. */
function keyAlone(key: string): StandardSchemaV1<Record<string, unknown>> {
  return {
    '~standard': {
      version: 1,
      vendor: 'tidings',
      validate(value) {
        const found = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
        if (typeof found === 'string' || typeof found === 'number') return { value: { [key]: found } }
        return { issues: [{ message: 'Invalid input: expected the key, a text or a number', path: [key] }] }
      },
    },
  }
}

function jsonSchemaOfKey(jsonSchema: JsonSchema | undefined, key: string): JsonSchema | undefined {
  if (jsonSchema === undefined) return undefined
  const properties =
    typeof jsonSchema === 'object' ? (jsonSchema['properties'] as Record<string, unknown> | undefined) : {}
  const ofKey = properties?.[key]
  const inlined =
    typeof ofKey === 'object' && ofKey !== null && !('$ref' in ofKey) ? ofKey : { type: ['string', 'number'] }
  return { type: 'object', properties: { [key]: inlined }, required: [key] }
}
