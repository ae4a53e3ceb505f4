import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MailRecorder } from '../faults/recorder.ts'
import { call } from '../process/http.ts'
import { analyticsTables } from '../services/analytics/figures.ts'
import { crmTables } from '../services/crm/customers.ts'
import { marketingTables } from '../services/marketing/emails.ts'
import { salesTables } from '../services/sales/orders.ts'
import { expectedValues, type Expected } from './expected.ts'
import { prove, type Check } from './proof.ts'

const file = `InvoiceNo,InvoiceDate,CustomerID,TotalPrice
1,2011-08-01,100,10.00
2,2011-12-08,200,20.00
3,2011-12-09,200,0.30
`
const crmRows = `('100', 'customer-100@example.com', 1, 1000, '2011-08-01', 'lost'),
  ('200', 'customer-200@example.com', 2, 2030, '2011-12-09', 'active')`

/** What the four teams hold when nothing went wrong. */
const right: Readonly<Record<string, string>> = {
  sales: `${salesTables.migrations.join(';')};
    insert into orders values ('1', '2011-08-01', '100', 1000), ('2', '2011-12-08', '200', 2000), ('3', '2011-12-09', '200', 30)`,
  crm: `${crmTables.migrations.join(';')}; insert into customers values ${crmRows}`,
  marketing: `${marketingTables.migrations.join(';')};
    insert into emails values ('1', 'customer-100@example.com'), ('2', 'customer-200@example.com'), ('3', 'customer-200@example.com')`,
  analytics: `${analyticsTables.migrations.join(';')};
    insert into revenue values ('2011-08', 1, 1000), ('2011-12', 2, 2030);
    insert into customer_value values ('100', 1, 1000), ('200', 2, 2030)`,
}

let directory = ''
let recorder: MailRecorder
let expected: Expected

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'retail-'))
  writeFileSync(join(directory, 'invoices.csv'), file)
  expected = expectedValues(join(directory, 'invoices.csv'))
  for (const [team, statements] of Object.entries(right)) change(team, statements)
  recorder = await MailRecorder.start()
  for (const { id, customerId } of expected.orders.values()) await mail(id, `customer-${customerId}@example.com`)
})
afterEach(() => {
  recorder.stop()
  rmSync(directory, { recursive: true, force: true })
})

function change(team: string, statements: string): void {
  const database = new Libsql(join(directory, `${team}.db`))
  database.exec(statements)
  database.close()
}

async function mail(order: string, to: string): Promise<void> {
  await call('POST', `${recorder.url}/emails`, { body: { order, to } })
}

/** What the report would name, with its differences. */
function differing(emailSentEvents: readonly string[] = ['1', '2', '3']): Record<string, readonly string[]> {
  const checks = prove({ directory, expected, recorder, emailSentEvents })
  const bad = (check: Check): boolean => !check.holds
  return Object.fromEntries(checks.filter(bad).map(({ name, differences }) => [name, differences]))
}

test('prove() holds for what the file says', () => {
  expect(differing()).toEqual({})
})

test.each([
  [
    'a penny of an order',
    'sales',
    `update orders set "totalPence" = 1001 where id = '1'`,
    'sales.order = the file',
    '1: ',
  ],
  [
    'the day of an order',
    'sales',
    `update orders set date = '2011-08-02' where id = '1'`,
    'sales.order = the file',
    '1: ',
  ],
  [
    'the buyer of an order',
    'sales',
    `update orders set "customerId" = '9' where id = '1'`,
    'sales.order = the file',
    '1: ',
  ],
  ['an order that is missing', 'sales', `delete from orders where id = '2'`, 'sales.order = the file', '2: nothing'],
  [
    'a penny of a month',
    'analytics',
    `update revenue set pence = pence - 1 where month = '2011-12'`,
    'analytics revenue = the file',
    '2011-12: ',
  ],
  [
    'an order of a month',
    'analytics',
    `update revenue set orders = 3 where month = '2011-12'`,
    'analytics revenue = the file',
    '2011-12: ',
  ],
  [
    'a month that never was',
    'analytics',
    `insert into revenue values ('2012-01', 1, 0)`,
    'analytics revenue = the file',
    '2012-01: ',
  ],
  [
    'a penny of a customer',
    'analytics',
    `update customer_value set pence = 999 where customer_id = '100'`,
    'analytics customer value = the file',
    '100: ',
  ],
  [
    'a row of an email that came twice',
    'marketing',
    `insert into emails select * from emails where "orderId" = '2'`,
    'one row for each email',
    '2: ',
  ],
  [
    'a row of an email that is missing',
    'marketing',
    `delete from emails where "orderId" = '2'`,
    'one row for each email',
    '2: nothing',
  ],
  [
    'the addressee of an email',
    'marketing',
    `update emails set "to" = 'x' where "orderId" = '2'`,
    'one row for each email',
    '2: ',
  ],
])('prove() names the row when %s is wrong', (_what, team, statement, check, row) => {
  change(team, statement)
  expect(differing()).toEqual({ [check]: [expect.stringMatching(`^${row}`)] })
})

test('prove() names the customer whom the CRM has wrong', () => {
  change('crm', `update customers set "spentPence" = 1001 where id = '100'`)
  expect(differing()).toEqual({ 'crm.customer = the file': [expect.stringMatching('^100: ')] })
})

test('prove() names the order that was thanked for twice, by the wrong name or that nobody gave', async () => {
  await mail('2', 'customer-200@example.com')
  await mail('3', 'customer-100@example.com')
  await mail('4', 'customer-100@example.com')
  expect(differing()).toEqual({
    'one email for each order': ['2', '3', '4'].map((order) => expect.stringMatching(`^${order}: `)),
  })
})

test('prove() names the order without an email-sent event, with two of them and the event of no order', () => {
  expect(differing(['1', '3', '3', '9'])).toEqual({
    'one email-sent event for each order': ['2', '3', '9'].map((order) => expect.stringMatching(`^${order}: `)),
  })
})
