import type { SqlRow, SqlValue } from '../../database/index.ts'
import { TidingsError } from '../../errors.ts'

const smallest = -(2n ** 63n)
const largest = 2n ** 63n - 1n

/**
 * The value as the clients must get it, so that it comes back as it was given. What cannot is refused: `libsql` ends
 * the process on a boolean, both store NULL for NaN, and text with a NUL character or half of a surrogate pair comes
 * back as another text.
 */
export function toSqlite(value: SqlValue, index: number): SqlValue {
  if (value === null || value instanceof Uint8Array) return value
  if (typeof value === 'string') {
    if (/[\0\ud800-\udfff]/.test(value)) checkText(value, index)
    return value
  }
  if (typeof value === 'number') {
    if (Number.isNaN(value)) throw refusal(index, 'is NaN, which would be stored as NULL')
    // Both clients bind every number as REAL: an integer stays one only as a bigint.
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value
  }
  if (typeof value === 'bigint') {
    if (value < smallest || value > largest) throw refusal(index, `is ${value}, outside of 64 bits; store it as text`)
    return value
  }
  throw refusal(index, `is ${describe(value)}; give a string, number, bigint, Uint8Array or null`)
}

function checkText(value: string, index: number): void {
  if (value.includes('\0'))
    throw refusal(index, 'is a text with a NUL character, which would end it; store it as bytes')
  if (/\p{Surrogate}/u.test(value))
    throw refusal(index, 'is a text with half of a surrogate pair, which UTF-8 cannot hold; store it as bytes')
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (typeof value === 'boolean') return `${value}: SQLite knows 0 and 1`
  return `of the type ${Object.prototype.toString.call(value).slice(8, -1)}`
}

function refusal(index: number, reason: string): TidingsError {
  return new TidingsError('bad-request', `Value ${index + 1} of the statement ${reason}.`)
}

/** A row with integers as numbers where those are exact and as bigints beyond, and with bytes as plain `Uint8Array`. */
export function fromSqlite(row: unknown): SqlRow {
  const values = row as Record<string, unknown>
  const result: SqlRow = {}
  for (const name in values) result[name] = fromValue(values[name])
  return result
}

function fromValue(value: unknown): SqlValue {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (value instanceof Uint8Array) return new Uint8Array(value.buffer, value.byteOffset, value.length)
  return value as SqlValue
}
