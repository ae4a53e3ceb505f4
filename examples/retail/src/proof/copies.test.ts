import Libsql from 'libsql'
import type { Database } from 'tidings/database'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { memorySide } from 'tidings/verify'
import { beforeEach, expect, test } from 'vitest'
import { customersOfPython, customersTable } from '../tidings/python-copy.ts'
import { checkCopy } from './copies.ts'
import type { Check } from './proof.ts'

const { key, columns } = customersTable
const owned = [
  { id: '100', orders: 1, spentPence: 1000, lastOrder: '2011-08-01', status: 'lost' },
  { id: '200', orders: 2, spentPence: 2030, lastOrder: '2011-12-09', status: 'active' },
]
let client: Libsql.Database
let database: Database

beforeEach(async () => {
  client = new Libsql(':memory:')
  client.exec(`create table customers (id text primary key, orders integer, spent_pence integer, last_order text,
      status text, version text, deleted integer);
    insert into customers values ('100', 1, 1000, '2011-08-01', 'lost', '1', 0),
      ('200', 2, 2030, '2011-12-09', 'active', '1', 0), ('300', null, null, null, null, '2', 1)`)
  database = sqliteDatabase({ client, allowVolatile: true })
  await database.start()
})

function check(): Promise<Check> {
  const source = memorySide({ key, columns, rows: () => owned })
  return checkCopy({ name: 'the copy', source, copy: customersOfPython(database) })
}

test('checkCopy() holds for a copy that has what its owner has, and marks what was deleted', async () => {
  expect(await check()).toEqual({ name: 'the copy', found: '2 / 2 rows equal', holds: true, differences: [] })
})

test.each([
  ['a number of orders', `update customers set orders = 3 where id = '200'`, 1, '200: orders 3 instead of 2'],
  ['a penny', `update customers set spent_pence = 2031 where id = '200'`, 1, '200: spentPence 2031 instead of 2030'],
  ['a day', `update customers set last_order = '2011-12-08' where id = '200'`, 1, '200: lastOrder "2011-12-08"'],
  ['a status', `update customers set status = 'active' where id = '100'`, 1, '100: status "active" instead of "lost"'],
  ['a row that is missing', `delete from customers where id = '200'`, 1, '200: missing in the copy'],
  ['a row of nobody', `insert into customers values ('9', 1, 1, '', '', '1', 0)`, 2, '9: only in the copy'],
])('checkCopy() names the row when %s is wrong', async (_what, statement, equal, difference) => {
  client.exec(statement)
  expect(await check()).toEqual({
    name: 'the copy',
    found: `${equal} / 2 rows equal`,
    holds: false,
    differences: [expect.stringContaining(difference)],
  })
})
