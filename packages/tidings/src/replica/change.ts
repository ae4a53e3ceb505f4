import type { PositionedEvent } from '../broker/port/events.ts'
import { decodeExactJson, readableVersion, unreadable, upcast, type Entity, type EventType } from '../contract/index.ts'
import { TerminalError } from '../errors.ts'
import { isTombstone, versionOf, type Event } from '../event/index.ts'

/** A change that stands in a copy. */
export interface AppliedChange {
  readonly key: string
  /** The type of the event. */
  readonly type: string
  /** When its owner made it; absent where the event does not say, as for what a capture has listed. */
  readonly time?: string
}

/** What one event of an entity does to a copy of it. */
export interface Change extends AppliedChange {
  /** The event's number within its topic. */
  readonly number: number
  /** Ordered as text like the versions themselves. */
  readonly version: string
  /** The complete new state; absent when the entity was deleted. */
  readonly data?: Readonly<Record<string, unknown>>
}

/** How the states of an entity are read. */
export interface ReadEntity extends Pick<Entity, 'key' | 'version' | 'oldestVersion' | 'upcasts'> {
  readonly created: Pick<EventType, 'dataschema'>
  readonly updated: Pick<EventType, 'dataschema'>
}

/** The newest state of a key that cannot be read. */
export type UnreadState = Pick<Change, 'key' | 'number' | 'version'>

/** An event that cannot be copied. Trying again is useless, until this service is brought up to date. */
export class Unreadable extends TerminalError {
  /** Absent for an event without a key, which is the state of nothing. */
  readonly state: UnreadState | undefined

  constructor(message: string, options: { readonly state: UnreadState | undefined; readonly cause?: unknown }) {
    super(`unreadable: ${message}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.state = options.state
  }
}

/**
 * Reads an event of an entity, upcast to the version of this service's contract. Only what a copy needs is looked at: a
 * publisher may know properties and values that this revision of the contract does not. Throws an `Unreadable` where it
 * cannot be copied.
 */
export function changeOf({ position, event }: Pick<PositionedEvent, 'position' | 'event'>, entity: ReadEntity): Change {
  const number = Number(position.split('.')[1])
  const { sourceepoch, sequence } = versionOf(event, number)
  const state = `${String(sourceepoch).padStart(10, '0')}.${sequence}`
  // A tombstone is newer than a state of its version: an entity that was erased is gone in the version of its last state.
  const version = isTombstone(event) ? `${state}~` : state
  const what = `${event.type} at ${position}`
  const { key, type, time } = event
  if (key === undefined) {
    throw new Unreadable(`${what} has no key; events of entities need one.`, { state: undefined })
  }
  const change = { key, type, ...(time !== undefined && { time }), number, version }
  if (isTombstone(event)) return change
  try {
    return { ...change, data: read(event, entity, what) }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Unreadable(message, { state: { key, number, version }, cause })
  }
}

/** The same for whoever has no contract: a state is what its payload says, in whichever version of the schema it is. */
export function changeAsWritten(positioned: Pick<PositionedEvent, 'position' | 'event'>, key: string): Change {
  // One that says nothing has the only version that is read here.
  const written = { dataschema: positioned.event.dataschema ?? '' }
  return changeOf(positioned, {
    key,
    version: 1,
    oldestVersion: 1,
    upcasts: new Map(),
    created: written,
    updated: written,
  })
}

/** The state in an event, in the version of the contract. */
function read(event: Event, entity: ReadEntity, what: string): Readonly<Record<string, unknown>> {
  const { dataschema, data } = event
  const isNewest = dataschema === entity.updated.dataschema || dataschema === entity.created.dataschema
  const version = isNewest ? entity.version : readableVersion(typeOf(event, entity), dataschema)
  try {
    const value = decodeExactJson(data, what)
    const state = version === entity.version ? value : upcast(typeOf(event, entity), version, value)
    return checked(state, event, entity, what)
  } catch (cause) {
    throw unreadable(typeOf(event, entity), version, cause)
  }
}

function typeOf({ type }: Event, { version, oldestVersion, upcasts }: ReadEntity) {
  return { type, version, oldestVersion, upcasts }
}

function checked(
  state: unknown,
  { key }: Event,
  { key: keyProperty }: ReadEntity,
  what: string,
): Readonly<Record<string, unknown>> {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) {
    throw new TypeError(`${what}: its payload must be a JSON object with the state of the entity.`)
  }
  const found = (state as Record<string, unknown>)[keyProperty]
  if (['string', 'number', 'bigint'].includes(typeof found) && String(found) === key) {
    return state as Readonly<Record<string, unknown>>
  }
  throw new TypeError(`${what}: its property ${keyProperty} must be its key, ${JSON.stringify(key)}.`)
}
