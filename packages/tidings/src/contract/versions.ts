import { TidingsError } from '../errors.ts'

/**
 * Makes of the data of one version of a type that of the next. It is called whenever an event is read, in every service
 * that reads it: it answers at once, always the same for the same data, and calls nobody.
 */
export type Upcast = (data: unknown) => unknown

/** What a definition says of its versions. */
export interface Versioning {
  /**
   * The number of the schema, a positive integer; 1 where nothing is said. It is raised by a change that breaks
   * consumers, and by no other.
   */
  readonly version?: number
  /**
   * From a version to the next one, by the number that it begins with: `{ 1: (data) => … }` makes version 2 of version 1.
   * They are chained, without a gap up to `version`. `{}` says that no older version may be read.
   */
  readonly upcasts?: Readonly<Record<number, Upcast>>
}

/** Which versions of a type are written and read. */
export interface Versions {
  /** What is written. */
  readonly version: number
  /** The oldest that can be read: it and all up to `version`. */
  readonly oldestVersion: number
  /** From each of the older versions to the next one. */
  readonly upcasts: ReadonlyMap<number, Upcast>
}

/** The versions of a type that never had another. */
export const onlyVersion: Versions = { version: 1, oldestVersion: 1, upcasts: new Map() }

/** Checks what a definition says of its versions; `what` says in the message whose they are. */
export function versionsOf(what: string, { version = 1, upcasts }: Versioning): Versions {
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new Error(`${what}: its version is ${String(version)}; versions are positive integers, the first is 1.`)
  }
  if (version > 1 && upcasts === undefined) {
    throw new Error(
      `${what}: it has version ${version} and does not say how older events are read; add upcasts: { ${version - 1}: (data) => … }, or upcasts: {} if none may be read.`,
    )
  }
  const numbers = Object.keys(upcasts ?? {})
    .map(Number)
    .toSorted((left, right) => left - right)
  const wrong = numbers.find((number) => !Number.isSafeInteger(number) || number < 1 || number >= version)
  if (wrong !== undefined) {
    throw new Error(
      `${what}: it has an upcast from version ${wrong}, but its version is ${version}: upcasts begin with older versions, from 1 to ${version - 1}.`,
    )
  }
  const oldestVersion = numbers[0] ?? version
  for (let number = oldestVersion; number < version; number++) {
    if (typeof upcasts?.[number] === 'function') continue
    throw new Error(
      `${what}: it has no upcast from version ${number} to ${number + 1}, so nothing from version ${oldestVersion} on could be read; add upcasts: { ${number}: (data) => … }.`,
    )
  }
  return { version, oldestVersion, upcasts: new Map(numbers.map((number) => [number, upcasts![number]!])) }
}

/**
 * The `dataschema` of the events of a type in one version, an absolute URI as CloudEvents 1.0 asks for. Another one means
 * that the schema changed incompatibly; whatever is compatible keeps it.
 */
export function dataschemaOf(type: string, version: number): string {
  return `tidings:${type}/${version}`
}

/**
 * The version of a type's schema that an event says it has. One that says nothing, or names a schema of somebody else, has
 * version 1, where it is published as where it is read, so that nobody has to guess. `undefined`: it names a schema of
 * this form that is none of the type.
 */
export function schemaVersionOf(type: string, dataschema: string | undefined): number | undefined {
  if (dataschema === undefined || !dataschema.startsWith('tidings:')) return 1
  const prefix = `tidings:${type}/`
  const number = dataschema.startsWith(prefix) ? dataschema.slice(prefix.length) : ''
  return /^[1-9]\d{0,14}$/.test(number) ? Number(number) : undefined
}

/** A type as far as its versions go. */
type VersionedType = Versions & { readonly type: string }

/** The version of an event, where this contract can read it; throws `unreadable` where it cannot. */
export function readableVersion(eventType: VersionedType, dataschema: string | undefined): number {
  const { type, version: newest, oldestVersion } = eventType
  const version = schemaVersionOf(type, dataschema)
  if (version === undefined) {
    throw refusal(
      eventType,
      dataschema,
      `${type}: its dataschema "${dataschema}" is none of this type; whoever publishes it has to mend that, and the event has to be replaced or discarded.`,
    )
  }
  if (version >= oldestVersion && version <= newest) return version
  const what = `${type} has version ${version} here, and this contract ${reads(eventType)}`
  throw refusal(
    eventType,
    version,
    version > newest
      ? `${what}: bring the contract of this service up to date, deploy it, then redrive the event.`
      : `${what}: add upcasts from version ${version} on to the contract, deploy it, then redrive the event.`,
  )
}

/** Makes of data in an older version that of the newest. Throws what the upcast throws. */
export function upcast({ type, version: newest, upcasts }: VersionedType, version: number, data: unknown): unknown {
  let made = data
  for (let number = version; number < newest; number++) {
    made = upcasts.get(number)!(made)
    if (made instanceof Promise) {
      made.catch(() => undefined)
      throw new TypeError(`the upcast of ${type} from version ${number} answered a promise; it has to answer at once`)
    }
  }
  return made
}

/** That an event in this version could not be read although its version is known: what is wrong with it, and what to do. */
export function unreadable(eventType: VersionedType, version: number, cause: unknown): TidingsError {
  const { type, version: newest } = eventType
  const reason = cause instanceof Error ? cause.message : String(cause)
  const where = reason.includes(type) ? reason : `${type}: ${reason}`
  const made = version === newest ? `It has version ${version}` : `It was upcast from version ${version} to ${newest}`
  return refusal(
    eventType,
    version,
    `${where.endsWith('.') ? where : `${where}.`} ${made}, and this contract ${reads(eventType)}: mend the contract or its upcasts and redrive the event, or replace its payload.`,
    cause,
  )
}

function reads({ version, oldestVersion }: VersionedType): string {
  return oldestVersion === version ? `reads version ${version} alone` : `reads versions ${oldestVersion} to ${version}`
}

function refusal(
  { type, version: newest, oldestVersion }: VersionedType,
  version: number | string | undefined,
  message: string,
  cause?: unknown,
): TidingsError {
  return new TidingsError('unreadable', message, { details: { type, version, reads: [oldestVersion, newest] }, cause })
}
