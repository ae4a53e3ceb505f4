import type { SqlRow, SqlValue } from '../database/index.ts'
import type { Behind, DatabaseRows } from './database-rows.ts'
import { compareKeys, spansOf } from './key-order.ts'
import type { KeyedRow, RowReader } from './rows-side.ts'
import type { KeyRange } from './side.ts'

/** A part of the index. */
interface Selection {
  readonly behind: Behind
  /** Absent where the order of keys is not the one of the index. */
  readonly order?: 'asc' | 'desc'
}

/** Reads a table of SQLite, whose keys may be texts, which are in the index as keys are ordered, and numbers, by their size. */
export async function sqliteReader(
  rows: DatabaseRows,
  { key, columns }: Pick<RowReader, 'key' | 'columns'>,
): Promise<RowReader> {
  const { database, table, keyColumn } = rows
  const numbers = await numbersOf(rows)
  return {
    key,
    columns,
    find: (keys) => rows.find(keys),
    async *pages(range: KeyRange): AsyncGenerator<readonly KeyedRow[]> {
      for (const { behind } of selections(keyColumn, range, numbers)) {
        yield* rows.pages(range, behind, `${keyColumn} collate binary`)
      }
    },
    async end(range, limit) {
      const ends: string[] = []
      for (const { behind, order } of selections(keyColumn, range, numbers)) {
        if (!order) continue
        const { condition, values } = behind(undefined)
        const [last] = await database.query<SqlRow & { key: SqlValue }>(
          `select ${keyColumn} as key from ${table} r where ${condition}
           order by ${keyColumn} collate binary ${order} limit 1 offset ${limit - 1}`,
          values,
        )
        if (last) ends.push(String(last.key))
      }
      return ends.toSorted(compareKeys)[0]
    },
  }
}

type Numbers = 'none' | 'integers' | 'any'

/** Which numbers there can be among the keys: none in a column of texts, which SQLite makes of numbers there. */
async function numbersOf({ database, table, keyColumn, names }: DatabaseRows): Promise<Numbers> {
  const [column] = await database.query<SqlRow & { type: string }>(
    'select type from pragma_table_info(?) where lower(name) = lower(?)',
    [names.table, names.keyColumn],
  )
  const type = column?.type ?? ''
  // The rules of https://sqlite.org/datatype3.html#determination_of_column_affinity
  if (!/INT/i.test(type) && /CHAR|CLOB|TEXT/i.test(type)) return 'none'
  // No index tells numbers with a fraction from others, and next to no table has any as keys.
  const found = await database.query(`select 1 from ${table} r where typeof(${keyColumn}) = 'real' limit 1`)
  return found.length > 0 ? 'any' : 'integers'
}

/**
 * Parts of the index that have every key of the range between them, each once; those without an order may have others.
 * Each has one bound at either end: of two, SQLite seeks by the first that is written and reads all that is before the
 * other.
 */
function selections(key: string, range: KeyRange, numbers: Numbers): readonly Selection[] {
  const spans = numbers === 'none' ? [] : spansOf(range)
  const integers = spans.map(({ low, high }): Selection => {
    const behind: Behind = (after) => ({
      condition: `${key} ${after === undefined ? '>=' : '>'} ? and ${key} <= ? and typeof(${key}) = 'integer'`,
      values: [after ?? low, high],
    })
    return { behind, order: high < 0n ? 'desc' : 'asc' }
  })
  const texts: Behind = (last) => {
    const after = last ?? range.after
    const { upTo } = range
    const bounds = [
      after === undefined ? `${key} >= ''` : `${key} > ? collate binary`,
      upTo === undefined ? `${key} < x''` : `${key} <= ? collate binary`,
    ]
    return {
      condition: `typeof(${key}) = 'text' and ${bounds.join(' and ')}`,
      values: [after, upTo].filter((each) => each !== undefined),
    }
  }
  const bytes: Behind = (after) =>
    after === undefined ? { condition: `${key} >= x''`, values: [] } : { condition: `${key} > ?`, values: [after] }
  const fractions: Behind = (after) => ({
    condition: `typeof(${key}) = 'real' ${after === undefined ? '' : `and ${key} > ?`}`,
    values: after === undefined ? [] : [after],
  })
  return [
    ...integers,
    { behind: texts, order: 'asc' },
    { behind: bytes },
    ...(numbers === 'any' ? [{ behind: fractions }] : []),
  ]
}
