import type { SqlRow, SqlValue } from '../../database/index.ts'
import { checkValue, refusedValue } from '../../database/values.ts'

/**
 * The value as the clients must get it, so that it comes back as it was given. What cannot is refused: `libsql` ends
 * the process on a boolean, both store NULL for NaN, and text with a NUL character or half of a surrogate pair comes
 * back as another text.
 */
export function toSqlite(value: SqlValue, index: number): SqlValue {
  checkValue(value, index)
  if (typeof value === 'boolean') throw refusedValue(index, `is ${value}; SQLite knows 0 and 1`)
  // Both clients bind every number as REAL: an integer stays one only as a bigint.
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value as number) : value
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
