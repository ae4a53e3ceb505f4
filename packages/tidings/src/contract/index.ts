export {
  defineContract,
  type Contract,
  type ContractDetails,
  type ContractEntry,
  type ContractTopic,
  type Entity,
} from './contract.ts'
export {
  defineEntity,
  defineEvent,
  defineReplies,
  defineTask,
  type Definition,
  type EntityDefinition,
  type JsonSchema,
  type MessageDefinition,
} from './definition.ts'
export type { CompatibilitySetting, CompatibilityMode, CompatibilityPolicy, Describing } from './describing.ts'
export {
  contractDocument,
  type ContractDefinition,
  type ContractTopicDefinition,
  type ContractTypeDefinition,
} from './document.ts'
export { decodeEvent, encodePayload, type EventType, type Kind } from './event-type.ts'
export { anything, answersTo, type Replies } from './replies.ts'
export { fromJsonSchema } from './from-json-schema.ts'
export { orderedJson, schemaDigest } from './schema-digest.ts'
export { formatExactJson, parseExactJson } from './exact-json.ts'
export { decodeExactJson, decodeJson } from './json.ts'
export {
  dataschemaOf,
  readableVersion,
  schemaVersionOf,
  unreadable,
  upcast,
  type Upcast,
  type Versioning,
} from './versions.ts'
export type { InferInput, InferOutput, StandardJSONSchemaV1, StandardSchemaV1 } from './standard-schema.ts'
