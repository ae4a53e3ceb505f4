import type { SqlRow, SqlValue } from '../database/index.ts'

/** How a value is stored where SQL has no such value; in the column `tidings_encoded`, by column. */
type Encoding = 'absent' | 'boolean' | 'json' | 'utf8'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface StoredRow {
  /** In the order of the columns. */
  readonly values: readonly SqlValue[]
  /** JSON of the columns that are not stored as they are; `null` when all are. */
  readonly encoded: string | null
}

/** The chosen columns of an entity's state as a row: lists and objects as JSON, booleans as 0 and 1. */
export function encodeRow(data: Readonly<Record<string, unknown>>, columns: readonly string[]): StoredRow {
  const encodings: Record<string, Encoding> = {}
  const values = columns.map((column) => {
    const [value, encoding] = encodeValue(Object.hasOwn(data, column) ? data[column] : undefined)
    if (encoding) encodings[column] = encoding
    return value
  })
  return { values, encoded: Object.keys(encodings).length === 0 ? null : JSON.stringify(encodings) }
}

/** One value as it is stored; a key is looked up by the same form. */
export function encodeValue(value: unknown): [SqlValue, Encoding?] {
  if (value === undefined) return [null, 'absent']
  if (value === null || typeof value === 'number') return [value]
  if (typeof value === 'boolean') return [value ? 1 : 0, 'boolean']
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) return [JSON.stringify(value), 'json']
  // A text ends at a NUL character for some clients; bytes are never equal to a text.
  return value.includes('\0') ? [encoder.encode(value), 'utf8'] : [value]
}

/** What `encodeRow` was given, of the columns asked for. */
export function decodeRow(row: SqlRow, columns: readonly string[]): Record<string, unknown> {
  const encoded = row['tidings_encoded']
  const encodings = (typeof encoded === 'string' ? JSON.parse(encoded) : {}) as Record<string, Encoding>
  const data: Record<string, unknown> = {}
  for (const column of columns) {
    const encoding = encodings[column]
    const value = row[column]
    if (encoding === 'absent') continue
    if (encoding === 'boolean') data[column] = value === 1
    else if (encoding === 'json' && typeof value === 'string') data[column] = JSON.parse(value)
    else if (encoding === 'utf8' && value instanceof Uint8Array) data[column] = decoder.decode(value)
    else data[column] = value
  }
  return data
}
