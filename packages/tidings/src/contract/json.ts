import { TidingsError } from '../errors.ts'
import { mayHoldRounded, parseExactJson } from './exact-json.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * The JSON of a value, as UTF-8. What JSON would silently change (NaN, dates, maps, big integers, `undefined` in a
 * list) is refused with its path, as `schema-violation`.
 */
export function encodeJson(value: unknown, what: string): Uint8Array {
  const fault = findUnfaithful(value, '')
  if (fault) {
    throw new TidingsError(
      'schema-violation',
      `${what}: ${fault.path || 'the payload'} is ${fault.found}, which JSON cannot carry; send a text, a finite number, a boolean, null, a list or a plain object.`,
      { details: { path: fault.path } },
    )
  }
  return encoder.encode(JSON.stringify(value))
}

/**
 * The value of a JSON payload. Refuses as `schema-violation` what is not JSON in UTF-8 and integers that JavaScript
 * would round.
 */
export function decodeJson(bytes: Uint8Array | undefined, what: string): unknown {
  return decodePayloadText(bytes, what, (text) => {
    const value = parseExactJson(text)
    const path = mayHoldRounded(text) ? findBigInt(value, '') : undefined
    if (path === undefined) return value
    throw new TidingsError(
      'schema-violation',
      `${what}: ${path || 'the payload'} is an integer beyond 2^53, which JavaScript would round; its contract should make it a text.`,
      { details: { path } },
    )
  })
}

/** The value of a JSON payload in which integers beyond 2^53, which JavaScript would round, are bigints. */
export function decodeExactJson(bytes: Uint8Array | undefined, what: string): unknown {
  return decodePayloadText(bytes, what, parseExactJson)
}

/** What `parse` makes of the text of a payload; what is not JSON in UTF-8 is refused. */
function decodePayloadText(bytes: Uint8Array | undefined, what: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(decoder.decode(bytes ?? new Uint8Array(0)))
  } catch (cause) {
    if (cause instanceof TidingsError) throw cause
    throw new TidingsError(
      'schema-violation',
      `${what}: the payload is not JSON in UTF-8; its publisher must send JSON.`,
      {
        cause,
      },
    )
  }
}

interface Fault {
  readonly path: string
  readonly found: string
}

function findUnfaithful(value: unknown, path: string): Fault | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { path, found: String(value) }
  if (Array.isArray(value)) {
    return firstOf(value.entries(), (index, item) => findUnfaithful(item, joinPath(path, index)))
  }
  if (typeof value !== 'object') return { path, found: `a value of type ${typeof value}` }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return { path, found: `a ${value.constructor.name}` }
  return firstOf(Object.entries(value), (name, item) =>
    item === undefined ? undefined : findUnfaithful(item, joinPath(path, name)),
  )
}

function findBigInt(value: unknown, path: string): string | undefined {
  if (typeof value === 'bigint') return path
  if (Array.isArray(value)) return firstOf(value.entries(), (index, item) => findBigInt(item, joinPath(path, index)))
  if (value === null || typeof value !== 'object') return undefined
  return firstOf(Object.entries(value), (name, item) => findBigInt(item, joinPath(path, name)))
}

function firstOf<Name, Item, Found>(
  entries: Iterable<[Name, Item]>,
  find: (name: Name, item: Item) => Found | undefined,
): Found | undefined {
  for (const [name, item] of entries) {
    const found = find(name, item)
    if (found !== undefined) return found
  }
  return undefined
}

/** `items[0].email`: one more step of a path, written as one would in code. */
export function joinPath(path: string, step: PropertyKey): string {
  if (typeof step === 'number') return `${path}[${step}]`
  return path === '' ? String(step) : `${path}.${String(step)}`
}
