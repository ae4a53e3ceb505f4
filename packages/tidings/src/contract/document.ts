import type { ContractDetails, ContractTopic } from './contract.ts'
import type { JsonSchema } from './definition.ts'
import type { Describing } from './describing.ts'
import type { EventType, Kind } from './event-type.ts'
import { jsonSchemaOf } from './json-schema.ts'

/** What a service publishes and accepts, as JSON can say it: what a registry keeps of a contract. */
export interface ContractDefinition extends Describing {
  readonly service: string
  readonly topics: readonly ContractTopicDefinition[]
}

export interface ContractTopicDefinition extends Describing {
  readonly topic: string
  readonly kind: Kind
  /** The property of the data that is the key. */
  readonly key?: string
  /** It takes the answers to tasks of its owner, and has no types of its own. */
  readonly replies?: boolean
  readonly types: readonly ContractTypeDefinition[]
}

export interface ContractTypeDefinition {
  readonly type: string
  readonly description?: string
  /** 1 where nothing is said. A change that is not compatible makes the next one. */
  readonly version?: number
  /** The oldest version that the owner's upcasts lead from; `version` itself where nothing is said. */
  readonly oldestVersion?: number
  /** Absent where nobody is held to anything. */
  readonly schema?: JsonSchema
  /** Of a task: what its answer carries. */
  readonly result?: JsonSchema
}

/** A contract as it is registered. */
export function contractDocument(contract: { readonly '~contract': ContractDetails }): ContractDefinition {
  const { service, description, compatibility, topics } = contract['~contract']
  return {
    service,
    ...(description !== undefined && { description }),
    ...(compatibility && { compatibility }),
    topics: topics.map(topicOf),
  }
}

function topicOf({ topic, kind, replies, description, compatibility, types }: ContractTopic): ContractTopicDefinition {
  const key = types[0]?.key
  return {
    topic,
    kind,
    ...(description !== undefined && { description }),
    ...(compatibility && { compatibility }),
    ...(key !== undefined && { key }),
    ...(replies && { replies }),
    types: types.map(typeOf),
  }
}

function typeOf({ type, version, oldestVersion, jsonSchema, result }: EventType): ContractTypeDefinition {
  const answer = result && jsonSchemaOf(result)
  return {
    type,
    version,
    oldestVersion,
    ...(jsonSchema !== undefined && { schema: jsonSchema }),
    ...(answer !== undefined && { result: answer }),
  }
}
