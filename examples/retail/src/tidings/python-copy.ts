import type { Database, SqlRow } from 'tidings/database'
import { sideOf, type KeyedRow, type Side } from 'tidings/verify'

/** How the analytics team names what it copies of a customer, where it is written in Python. */
export const customersTable = {
  table: 'customers',
  key: 'id',
  columns: ['orders', 'spentPence', 'lastOrder', 'status'],
  fromRow: ({ orders, spent_pence: spentPence, last_order: lastOrder, status }: SqlRow) => ({
    orders,
    spentPence,
    lastOrder,
    status,
  }),
} as const

/** Its rows as one side of a comparison; those that are marked as deleted are none. */
export function customersOfPython(database: Database): Side {
  const { key, columns, fromRow } = customersTable
  const keyed = (rows: readonly SqlRow[]): readonly KeyedRow[] =>
    rows.map((row) => ({ key: String(row['id']), data: { id: row['id'], ...fromRow(row) } }))
  return sideOf({
    key,
    columns,
    async page({ after = '', upTo }, limit) {
      const end = upTo === undefined ? '' : 'and id <= ?'
      const text = `select * from customers where deleted = 0 and id > ? ${end} order by id limit ?`
      return keyed(await database.query(text, [after, ...(upTo === undefined ? [] : [upTo]), limit]))
    },
    async find(keys) {
      const places = keys.map(() => '?').join(', ')
      return keyed(await database.query(`select * from customers where deleted = 0 and id in (${places})`, [...keys]))
    },
  })
}
