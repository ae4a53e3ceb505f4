import type { SqlValue } from '../../database/index.ts'
import { checkValue } from '../../database/values.ts'

/** A value as clients get it. */
export type BoundValue = string | boolean | Uint8Array | null

/**
 * The value as the client must get it, so that it comes back as it was given. What cannot is refused: PostgreSQL's text
 * holds no NUL character and no half of a surrogate pair, and the client would write objects and dates in a form of its own.
 */
export function toPostgres(value: SqlValue, index: number): BoundValue {
  checkValue(value, index)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  return typeof value === 'bigint' ? String(value) : value
}
