import { elementSlices, memberSlices, type Slice } from '../event/json-slices.ts'
import { decodePayloadText, findRounded } from './json.ts'

/** The value of a JSON payload in which integers beyond 2^53, which JavaScript would round, are bigints. */
export function decodeExactJson(bytes: Uint8Array | undefined, what: string): unknown {
  return decodePayloadText(bytes, what, parseExactJson)
}

/** Like `JSON.parse`, with bigints for the integers that it would round. */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  // Only a run of 16 digits can be an integer that is rounded; most texts have none.
  return /\d{16}/.test(text) && findRounded(value, '') !== undefined ? exact(text, value) : value
}

/** The JSON of a value that may hold bigints: what `parseExactJson` was given, apart from the space between its tokens. */
export function formatExactJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(formatExactJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${formatExactJson(member)}`)
  return `{${members.join(',')}}`
}

function exact(text: string, value: unknown): unknown {
  const inside = ({ start, end }: Slice): unknown => parseExactJson(text.slice(start, end))
  if (Array.isArray(value)) return elementSlices(text)!.map(inside)
  if (typeof value !== 'number') {
    return Object.fromEntries(memberSlices(text)!.map(([name, slice]) => [name, inside(slice)]))
  }
  return /^-?\d+$/.test(text) ? BigInt(text) : value
}
