import type { SqlRow, SqlValue } from '../database/index.ts'
import type { Encoding, ReplicaTables } from './tables.ts'

export interface StoredRow {
  /** In the order of the columns. */
  readonly values: readonly SqlValue[]
  /** JSON of the columns that are not stored as they are; `null` when all are. */
  readonly encoded: string | null
}

/** The chosen columns of an entity's state as a row. */
export function encodeRow(
  { encodeValue }: Pick<ReplicaTables, 'encodeValue'>,
  data: Readonly<Record<string, unknown>>,
  columns: readonly string[],
): StoredRow {
  const encodings: Record<string, Encoding> = {}
  const values = columns.map((column) => {
    const [value, encoding] = encodeValue(Object.hasOwn(data, column) ? data[column] : undefined)
    if (encoding) encodings[column] = encoding
    return value
  })
  return { values, encoded: Object.keys(encodings).length === 0 ? null : JSON.stringify(encodings) }
}

/** What `encodeRow` was given, of the columns asked for. */
export function decodeRow(
  { decodeValue }: Pick<ReplicaTables, 'decodeValue'>,
  row: SqlRow,
  columns: readonly string[],
): Record<string, unknown> {
  const encoded = row['tidings_encoded']
  const encodings = (typeof encoded === 'string' ? JSON.parse(encoded) : {}) as Record<string, Encoding>
  const data: Record<string, unknown> = {}
  for (const column of columns) {
    const encoding = encodings[column]
    if (encoding === 'absent') continue
    const value = row[column]
    data[column] = encoding && value !== undefined ? decodeValue(value, encoding) : value
  }
  return data
}
