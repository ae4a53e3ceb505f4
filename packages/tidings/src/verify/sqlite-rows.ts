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
  // No index tells numbers with a fraction from others, and next to no table has any as keys.
  const found = await database.query(`select 1 from ${table} r where typeof(${keyColumn}) = 'real' limit 1`)
  const hasFractions = found.length > 0
  return {
    key,
    columns,
    find: (keys) => rows.find(keys),
    async *pages(range: KeyRange): AsyncGenerator<readonly KeyedRow[]> {
      for (const { condition, values } of selections(keyColumn, range, hasFractions)) {
        yield* rows.pages(range, condition, values)
      }
    },
    async end(range, limit) {
      const ends: string[] = []
      for (const { condition, values, order } of selections(keyColumn, range, hasFractions)) {
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

/** Parts of the index that have every key of the range between them, each once; those without an order may have others. */
function selections(key: string, range: KeyRange, hasFractions: boolean): readonly Selection[] {
  const integers = spansOf(range).map(({ low, high }): Selection => {
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
  return [...integers, texts, { condition: `${key} >= x''`, values: [] }, ...(hasFractions ? [fractions] : [])]
}
