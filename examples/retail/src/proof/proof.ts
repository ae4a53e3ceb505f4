import type { MailRecorder } from '../faults/recorder.ts'
import type { Expected } from './expected.ts'
import { rows } from './figures.ts'

/** One thing that has to hold at the end, and what was found. */
export interface Check {
  readonly name: string
  readonly found: string
  readonly holds: boolean
  /** A few of the differences, for whoever has to find out why. */
  readonly differences: readonly string[]
}

export interface ProofSource {
  readonly directory: string
  readonly expected: Expected
  readonly recorder: MailRecorder
  /** Order ids of the events that marketing published. */
  readonly emailSentEvents: readonly string[]
}

/** What the teams own, and what they make of it, against the file. That copies are like what they copy is proven beside it. */
export function prove(source: ProofSource): readonly Check[] {
  const { directory, expected, recorder, emailSentEvents } = source
  const crm = byId(rows(directory, 'crm', 'select id, email, orders, "spentPence", "lastOrder", status from customers'))
  return [
    compare(
      'sales.order = the file',
      byId(rows(directory, 'sales', 'select id, date, "customerId", "totalPence" from orders')),
      ordersOf(expected),
    ),
    compare('crm.customer = the file', crm, customersOf(expected)),
    compare(
      'analytics customer value = the file',
      byId(rows(directory, 'analytics', 'select customer_id, orders, pence from customer_value')),
      mapValues(customersOf(expected), ([id, , orders, pence]) => [id, orders, pence]),
    ),
    compare(
      'analytics revenue = the file',
      byId(rows(directory, 'analytics', 'select month, orders, pence from revenue')),
      new Map([...expected.months].map(([month, { orders, pence }]) => [month, [month, orders, pence]])),
    ),
    compare('one email for each order', emailsOf(recorder), oneEmailEach(expected)),
    compare('one row for each email', countedRows(directory), oneEmailEach(expected)),
    compare('one email-sent event for each order', counted(emailSentEvents), onceEach(expected)),
  ]
}

type Row = readonly unknown[]
type Table = ReadonlyMap<string, Row>

/** Rows by their first column. */
function byId(found: readonly object[]): Table {
  return new Map(found.map((row) => [String(Object.values(row)[0]), Object.values(row)]))
}

function mapValues(table: Table, change: (row: Row) => Row): Table {
  return new Map([...table].map(([id, row]) => [id, change(row)]))
}

function ordersOf({ orders }: Expected): Table {
  return new Map([...orders].map(([id, { date, customerId, pence }]) => [id, [id, date, customerId, pence]]))
}

function customersOf({ customers }: Expected): Table {
  return new Map(
    [...customers.values()].map(({ id, orders, spentPence, lastOrder, status }) => [
      id,
      [id, `customer-${id}@example.com`, orders, spentPence, lastOrder, status],
    ]),
  )
}

function emailsOf({ sent }: MailRecorder): Table {
  return new Map([...sent].map(([order, { to, emails }]) => [order, [order, to, emails]]))
}

function oneEmailEach({ orders }: Expected): Table {
  return new Map([...orders.values()].map(({ id, customerId }) => [id, [id, `customer-${customerId}@example.com`, 1]]))
}

function countedRows(directory: string): Table {
  const perOrder = `select "orderId", group_concat(distinct "to"), count(*) from emails group by "orderId"`
  return byId(rows(directory, 'marketing', perOrder))
}

function counted(ids: readonly string[]): Table {
  const counts = new Map<string, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return new Map([...counts].map(([id, count]) => [id, [id, count]]))
}

function onceEach({ orders }: Expected): Table {
  return new Map([...orders.keys()].map((id) => [id, [id, 1]]))
}

export function compare(name: string, found: Table, expected: Table): Check {
  const differences: string[] = []
  let equal = 0
  for (const [id, row] of expected) {
    const there = found.get(id)
    if (there && JSON.stringify(there) === JSON.stringify(row)) equal += 1
    else differences.push(`${id}: ${there ? JSON.stringify(there) : 'nothing'} instead of ${JSON.stringify(row)}`)
  }
  for (const [id, row] of found)
    if (!expected.has(id)) differences.push(`${id}: ${JSON.stringify(row)} instead of nothing`)
  return {
    name,
    found: `${equal.toLocaleString('en-GB')} / ${expected.size.toLocaleString('en-GB')} rows equal`,
    holds: differences.length === 0,
    differences: differences.slice(0, 5),
  }
}
