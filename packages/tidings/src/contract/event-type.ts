import { TidingsError } from '../errors.ts'
import { validateKey, type Event } from '../event/index.ts'
import type { JsonSchema } from './definition.ts'
import { decodeJson, encodeJson, joinPath } from './json.ts'
import type { StandardIssue, StandardSchemaV1 } from './standard-schema.ts'
import { readableVersion, unreadable, upcast, type Versions } from './versions.ts'

export type Kind = 'entity' | 'event' | 'task'

/**
 * One type of event of a contract. `Input` is what a publisher gives, `Data` what a handler gets; they differ only by
 * what the schema fills in or drops.
 */
export interface EventType<
  Service extends string = string,
  OfKind extends Kind = Kind,
  Type extends string = string,
  Input = unknown,
  Data = unknown,
  Result = unknown,
> extends Versions {
  readonly kind: OfKind
  /** Who owns the topic. */
  readonly service: Service
  readonly topic: string
  /** The CloudEvents type. */
  readonly type: Type
  /** The property of the data that is the ordering key; absent where there is none. */
  readonly key: string | undefined
  readonly schema: StandardSchemaV1<Input, Data>
  /** What its events say of their schema: `tidings:<type>/<version>`. */
  readonly dataschema: string
  /** Of a task: what its answer carries. */
  readonly result?: StandardSchemaV1<unknown, Result>
  /** For those who publish from elsewhere; absent where the schema library cannot say it. */
  readonly jsonSchema: JsonSchema | undefined
}

/** What the wire carries of a value. */
export interface Payload {
  /** The ordering key; absent where the type has none. */
  readonly key?: string
  readonly datacontenttype: 'application/json'
  readonly dataschema: string
  readonly data: Uint8Array
}

/**
 * Validates a value and encodes what the schema made of it. A value that breaks the schema is refused as
 * `schema-violation`, naming the path and the rule.
 */
export async function encodePayload(eventType: EventType, value: unknown): Promise<Payload> {
  const accepted = await validate(eventType, value)
  const data = encodeJson(accepted, eventType.type)
  const key = keyOf(eventType, accepted)
  const { dataschema } = eventType
  return { ...(key === undefined ? {} : { key }), datacontenttype: 'application/json', dataschema, data }
}

/**
 * The data of an event as the newest version of its schema has it: an event of an older version is upcast, then
 * validated. Rejects as `unreadable` what this contract cannot read: a version that it does not know, a payload that is
 * not JSON or that the schema refuses; the message says what to do.
 */
export async function decodeEvent<Data>(
  eventType: EventType<string, Kind, string, unknown, Data>,
  { dataschema, data }: Pick<Event, 'dataschema' | 'data'>,
): Promise<Data> {
  const version = dataschema === eventType.dataschema ? eventType.version : readableVersion(eventType, dataschema)
  try {
    const value = decodeJson(data, eventType.type)
    return await validate(eventType, version === eventType.version ? value : upcast(eventType, version, value))
  } catch (cause) {
    throw unreadable(eventType, version, cause)
  }
}

async function validate<Data>(
  eventType: EventType<string, Kind, string, unknown, Data>,
  value: unknown,
): Promise<Data> {
  const result = await eventType.schema['~standard'].validate(value)
  if (!result.issues) return result.value
  const issues = result.issues.map((issue) => ({ path: pathOf(issue), message: issue.message }))
  const [first] = issues
  const place = first?.path ? `${first.path}: ` : ''
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  throw new TidingsError('schema-violation', `${eventType.type}: ${place}${first?.message ?? 'refused'}${more}.`, {
    details: { type: eventType.type, issues },
  })
}

function pathOf(issue: StandardIssue): string {
  return (issue.path ?? []).reduce<string>(
    (path, step) => joinPath(path, typeof step === 'object' ? step.key : step),
    '',
  )
}

function keyOf(eventType: EventType, value: unknown): string | undefined {
  if (eventType.key === undefined) return undefined
  const key = (value as Record<string, unknown>)[eventType.key]
  return validateKey(typeof key === 'number' ? String(key) : key)
}
