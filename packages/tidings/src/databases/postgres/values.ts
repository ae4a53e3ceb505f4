import type { SqlValue } from '../../database/index.ts'
import { checkValue } from '../../database/values.ts'

/**
 * The value as the client must get it, so that it comes back as it was given. What cannot is refused: PostgreSQL's text
 * holds no NUL character and no half of a surrogate pair, and the client would write objects and dates in a form of its own.
 */
export function toPostgres(value: SqlValue, index: number): unknown {
  checkValue(value, index)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  return typeof value === 'bigint' ? String(value) : value
}

/** Object ids of types, fixed in PostgreSQL's catalogue (`pg_type.dat`). */
const bool = 16
const bytea = 17
const integers = new Set([20, 21, 23, 26])
const floats = new Set([700, 701])
const times = new Set([1114, 1184])

/**
 * How texts of the server become values: integers as numbers where those are exact and as bigints beyond, bytes as plain
 * `Uint8Array`, times in the form of RFC 3339; everything else, such as numeric, uuid and json, as the text that it is.
 */
export const types = {
  getTypeParser(type: number): (text: string) => SqlValue {
    if (type === bool) return (text) => text === 't'
    if (integers.has(type)) return fromInteger
    if (floats.has(type)) return Number
    if (type === bytea) return fromBytes
    return times.has(type) ? fromTime : (text) => text
  },
}

function fromInteger(text: string): number | bigint {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

/** The server says bytes as `\x` and hexadecimal digits. */
function fromBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), 'hex')
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Only the ISO style can be told apart without a doubt; anything else stays as it is. */
function fromTime(text: string): string {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:([+-]\d\d)(?::?(\d\d))?)?$/.exec(text)
  if (!parts) return text
  const [, date, time, hours, minutes = '00'] = parts
  if (hours === undefined) return `${date}T${time}`
  return `${date}T${time}${hours === '+00' && minutes === '00' ? 'Z' : `${hours}:${minutes}`}`
}
