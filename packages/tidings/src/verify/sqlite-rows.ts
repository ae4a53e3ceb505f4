import type { SqlRow, SqlValue } from '../database/index.ts'
import type { DatabaseRows } from './database-rows.ts'
import { compareKeys, spansOf } from './key-order.ts'
import type { KeyedRow, RowReader } from './rows-side.ts'
import type { KeyRange } from './side.ts'

/** A part of the index. */
interface Selection {
  readonly condition: string
  readonly values: readonly SqlValue[]
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
      for (const { condition, values } of selections(keyColumn, range, numbers)) {
        yield* rows.pages(range, condition, values)
      }
    },
    async end(range, limit) {
      const ends: string[] = []
      for (const { condition, values, order } of selections(keyColumn, range, numbers)) {
        if (!order) continue
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

/** Parts of the index that have every key of the range between them, each once; those without an order may have others. */
function selections(key: string, range: KeyRange, numbers: Numbers): readonly Selection[] {
  const spans = numbers === 'none' ? [] : spansOf(range)
  const integers = spans.map(({ low, high }): Selection => {
    const condition = `${key} between ? and ? and typeof(${key}) = 'integer'`
    return { condition, values: [low, high], order: high < 0n ? 'desc' : 'asc' }
  })
  const { after, upTo } = range
  const bounds = [
    `${key} >= '' and ${key} < x''`,
    ...(after === undefined ? [] : [`${key} > ? collate binary`]),
    ...(upTo === undefined ? [] : [`${key} <= ? collate binary`]),
  ]
  const texts: Selection = {
    condition: `typeof(${key}) = 'text' and ${bounds.join(' and ')}`,
    values: [after, upTo].filter((each) => each !== undefined),
    order: 'asc',
  }
  const fractions = { condition: `typeof(${key}) = 'real'`, values: [] }
  return [...integers, texts, { condition: `${key} >= x''`, values: [] }, ...(numbers === 'any' ? [fractions] : [])]
}
