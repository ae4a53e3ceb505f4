import type { Database } from '../../database/index.ts'
import type { DatabaseRows } from '../database-rows.ts'
import type { RowReader } from '../rows-side.ts'
import { binding, type KeyColumn, type Run } from './keys.ts'

/** Reads a table of PostgreSQL by ranges of its keys. */
export function postgresReader(
  rows: DatabaseRows,
  keyColumn: KeyColumn,
  { key, columns }: Pick<RowReader, 'key' | 'columns'>,
): RowReader {
  return {
    key,
    columns,
    find: (keys) => rows.find(keys),
    end: (range, limit) => keyColumn.end(runOn(rows.database), rows.table, range, limit),
    pages(range) {
      const { values, bind } = binding()
      return rows.pages(range, keyColumn.within(range, bind), values)
    },
  }
}

/** Every column of a statement has a name of its own, and is a text. */
export function runOn(database: Database): Run {
  return async (text, values) => {
    const rows = await database.query(text, values)
    return rows.map((row) => Object.values(row) as (string | null)[])
  }
}
