import type { Describing } from './describing.ts'
import type { InferInput, InferOutput, StandardSchemaV1 } from './standard-schema.ts'
import type { Versioning } from './versions.ts'

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>> | boolean

/**
 * A schema of what travels as JSON. It may fill in defaults and drop what it does not know; its result must be
 * something that it accepts, because the consumer's side reads it with the same schema.
 */
export type WireSchema<Schema extends StandardSchemaV1> = Schema &
  (InferOutput<Schema> extends InferInput<Schema> ? unknown : 'a schema of a contract must accept its own output')

/** The properties of a schema's data whose value can be a key: a text or a number. */
export type KeyProperty<Schema extends StandardSchemaV1> = {
  [Property in keyof InferOutput<Schema> & string]-?: InferOutput<Schema>[Property] extends string | number
    ? Property
    : never
}[keyof InferOutput<Schema> & string]

/** An entity as its owner writes it down: a thing whose events carry its complete new state. */
export interface EntityDefinition<Schema extends StandardSchemaV1 = StandardSchemaV1, Key extends string = string>
  extends Versioning, Describing {
  readonly kind: 'entity'
  readonly schema: Schema
  readonly key: Key
  readonly jsonSchema?: JsonSchema
}

/** A fact, or a request that others may send, as its owner writes it down. */
export interface MessageDefinition<
  Kind extends 'event' | 'task' = 'event' | 'task',
  Schema extends StandardSchemaV1 = StandardSchemaV1,
  Result extends StandardSchemaV1 = StandardSchemaV1,
>
  extends Versioning, Describing {
  readonly kind: Kind
  readonly schema: Schema
  /** Of a task: what its answer carries. */
  readonly result?: Result
  /** The property that orders events: those with an equal one are handled in the order they were published. */
  readonly key?: string
  readonly jsonSchema?: JsonSchema
}

/** A topic for the answers to tasks that a service sends, as it writes it down. */
export interface RepliesDefinition extends Describing {
  readonly kind: 'replies'
}

export type Definition = EntityDefinition | MessageDefinition | RepliesDefinition

interface MessageOptions<Schema extends StandardSchemaV1> extends Versioning, Describing {
  readonly schema: WireSchema<Schema>
  readonly key?: KeyProperty<Schema>
  /** The schema for foreign publishers, where the library cannot say it itself. */
  readonly jsonSchema?: JsonSchema
}

/**
 * Defines an entity by the schema of its complete state and the property that is its key. Changes are published as
 * `created`, `updated` and `deleted`; `deleted` carries the key alone, and is version 1 of its schema for ever.
 */
export function defineEntity<const Schema extends StandardSchemaV1, const Key extends KeyProperty<Schema>>(
  options: Versioning &
    Describing & {
      readonly key: Key
      readonly schema: WireSchema<Schema>
      /** The schema for foreign publishers, where the library cannot say it itself. */
      readonly jsonSchema?: JsonSchema
    },
): EntityDefinition<Schema, Key> {
  return { ...options, kind: 'entity' }
}

/** Defines a plain event: a fact. With `key`, events of one key keep their order. */
export function defineEvent<const Schema extends StandardSchemaV1>(
  options: MessageOptions<Schema>,
): MessageDefinition<'event', Schema> {
  return { ...options, kind: 'event' }
}

/** Defines a task: a request that others may send to the service. With `key`, tasks of one key keep their order. */
export function defineTask<
  const Schema extends StandardSchemaV1,
  const Result extends StandardSchemaV1 = StandardSchemaV1,
>(
  options: MessageOptions<Schema> & {
    /** The schema of what the service answers with, where it answers. */
    readonly result?: WireSchema<Result>
  },
): MessageDefinition<'task', Schema, Result> {
  return { ...options, kind: 'task' }
}

/** Defines a topic for the answers to tasks that the service sends to others; see `answersTo`. */
export function defineReplies(options: Describing = {}): RepliesDefinition {
  return { ...options, kind: 'replies' }
}
