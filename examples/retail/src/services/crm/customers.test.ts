import Libsql from 'libsql'
import type { Database } from 'tidings/database'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { beforeEach, expect, test } from 'vitest'
import { seededRandom } from '../../faults/random.ts'
import { readInvoices, type Invoice } from '../../invoices/read.ts'
import { expectedValues } from '../../proof/expected.ts'
import { crmTables, enterOrder } from './customers.ts'

const data = new URL('../../../data/invoices.csv', import.meta.url).pathname
let database: Database

beforeEach(async () => {
  database = sqliteDatabase({ client: new Libsql(':memory:'), allowVolatile: true })
  await database.start()
  await database.migrate(crmTables)
})

async function enter(orders: readonly Invoice[]): Promise<readonly (readonly string[])[]> {
  return database.transaction(async (transaction) => {
    const changed: (readonly string[])[] = []
    for (const order of orders) changed.push(await enterOrder(transaction, order))
    return changed
  })
}

async function statuses(): Promise<unknown[]> {
  return (await database.query('select id, status from customers order by id')).map(({ id, status }) => [id, status])
}

test('enterOrder() comes to the same end in whatever order the year is entered', async () => {
  const random = seededRandom(7, 'shuffle')
  const shuffled = readInvoices(data)
    .map((invoice) => ({ invoice, place: random() }))
    .toSorted((left, right) => left.place - right.place)
  await enter(shuffled.map(({ invoice }) => invoice))
  const rows = await database.query('select id, orders, "spentPence", "lastOrder", status from customers')
  const expected = new Map(expectedValues(data).customers)
  expect(rows).toHaveLength(expected.size)
  for (const row of rows) expect(row).toEqual(expected.get(String(row['id'])))
})

test('enterOrder() answers who is lost since it moved the newest day on, and who is back', async () => {
  const order = (id: string, date: string, customerId: string): Invoice => ({ id, date, customerId, totalPence: 100 })
  const changed = await enter([
    order('1', '2011-09-09', '100'),
    order('2', '2011-09-10', '200'),
    order('3', '2011-12-09', '300'),
  ])
  expect(changed).toEqual([['100'], ['200'], ['300', '100']])
  expect(await statuses()).toEqual([
    ['100', 'lost'],
    ['200', 'active'],
    ['300', 'active'],
  ])
  expect(await enter([order('4', '2011-09-01', '400')])).toEqual([['400']])
  expect(await enter([order('5', '2011-12-01', '100')])).toEqual([['100']])
  expect(await statuses()).toEqual([
    ['100', 'active'],
    ['200', 'active'],
    ['300', 'active'],
    ['400', 'lost'],
  ])
})
