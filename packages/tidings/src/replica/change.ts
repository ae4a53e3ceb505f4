import type { PositionedEvent } from '../broker/port/events.ts'
import { decodeExactJson } from '../contract/index.ts'
import { TerminalError } from '../errors.ts'
import { isTombstone, versionOf } from '../event/index.ts'

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

/**
 * Reads an event of an entity. Only what a copy needs is looked at: a publisher may know properties and values that this
 * service's version of the contract does not. What cannot be copied at all is refused as terminal.
 */
export function changeOf(
  { position, event }: Pick<PositionedEvent, 'position' | 'event'>,
  keyProperty: string,
): Change {
  const number = Number(position.split('.')[1])
  const { sourceepoch, sequence } = versionOf(event, number)
  const state = `${String(sourceepoch).padStart(10, '0')}.${sequence}`
  // A tombstone is newer than a state of its version: an entity that was erased is gone in the version of its last state.
  const version = isTombstone(event) ? `${state}~` : state
  const what = `${event.type} at ${position}`
  if (event.key === undefined) throw new TerminalError(`${what} has no key; events of entities need one.`)
  const { type, time } = event
  const change = { key: event.key, type, ...(time !== undefined && { time }), number, version }
  if (isTombstone(event)) return change
  const data = read(event.data, what)
  const key = data[keyProperty]
  if (!['string', 'number', 'bigint'].includes(typeof key) || String(key) !== event.key) {
    throw new TerminalError(`${what}: its property ${keyProperty} must be its key, ${JSON.stringify(event.key)}.`)
  }
  return { ...change, data }
}

function read(data: Uint8Array | undefined, what: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = decodeExactJson(data, what)
  } catch (cause) {
    throw new TerminalError(cause instanceof Error ? cause.message : what)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new TerminalError(`${what}: its payload must be a JSON object with the state of the entity.`)
}
