import type { CapturePool } from './client.ts'
import { ColumnTypes } from './column-types.ts'
import { checkServer } from './server.ts'
import { inspectTable, refuseUnmapped } from './table.ts'

/** What a capture of a table would publish, for those who make its entity from it. */
export interface TableDescription {
  /** As statements have it, with its schema. */
  readonly name: string
  /** The columns that are its key, in the key's order. */
  readonly key: readonly string[]
  /** Those that would be published, and those of the key. */
  readonly columns: readonly string[]
}

/** Looks at a table, and refuses as `bad-request` what cannot be captured, with the statement that helps. */
export async function describeTable(options: {
  readonly pool: CapturePool
  readonly table: string
  readonly columns?: readonly string[]
}): Promise<TableDescription> {
  const { pool, table, columns } = options
  await checkServer(pool)
  const found = await inspectTable({ pool, types: new ColumnTypes(pool), table, columns, keyProperty: '' })
  refuseUnmapped(found)
  return { name: found.name, key: found.key.map(({ name }) => name), columns: found.shape.map(({ name }) => name) }
}
