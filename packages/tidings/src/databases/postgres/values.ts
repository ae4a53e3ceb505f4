import type { SqlValue } from '../../database/index.ts'
import { TidingsError } from '../../errors.ts'

const smallest = -(2n ** 63n)
const largest = 2n ** 63n - 1n

/**
 * The value as the client must get it, so that it comes back as it was given. What cannot is refused: PostgreSQL's text
 * holds no NUL character and no half of a surrogate pair, and the client would write objects and dates in a form of its own.
 */
export function toPostgres(value: SqlValue, index: number): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length)
  if (typeof value === 'string') return checkedText(value, index)
  if (typeof value === 'number') {
    if (Number.isNaN(value)) throw refusal(index, 'is NaN, which is no number; give null')
    return Object.is(value, -0) ? '-0' : String(value)
  }
  if (typeof value === 'bigint') {
    if (value < smallest || value > largest) throw refusal(index, `is ${value}, outside of 64 bits; give it as text`)
    return String(value)
  }
  throw refusal(index, `is ${describe(value)}; give a string, number, bigint, boolean, Uint8Array or null`)
}

function checkedText(value: string, index: number): string {
  if (value.includes('\0'))
    throw refusal(index, 'is a text with a NUL character, which PostgreSQL cannot hold; store it as bytes')
  if (/\p{Surrogate}/u.test(value))
    throw refusal(index, 'is a text with half of a surrogate pair, which UTF-8 cannot hold; store it as bytes')
  return value
}

function describe(value: unknown): string {
  return value === undefined ? 'undefined' : `of the type ${Object.prototype.toString.call(value).slice(8, -1)}`
}

function refusal(index: number, reason: string): TidingsError {
  return new TidingsError('bad-request', `Value ${index + 1} of the statement ${reason}.`)
}
