import { join } from 'node:path'
import Database from 'libsql'
import type { Expected } from './expected.ts'
import type { MailRecorder } from '../faults/recorder.ts'

/** What a run came to, from its four databases and the mail provider's records alone. */
export interface Figures {
  /** Orders of sales that marketing has no email for. */
  readonly ordersLost: number
  readonly emailsSentTwice: number
  readonly mailCalls: number
  readonly emails: number
  readonly customersWrong: number
  /** The sum over all months of what is too much or too little. */
  readonly revenueDifferencePence: number
}

export interface FiguresSource {
  readonly directory: string
  readonly expected: Expected
  readonly recorder: MailRecorder
  /** The table of marketing's copy of the customers. */
  readonly copyTable: string
}

export function readFigures({ directory, expected, recorder, copyTable }: FiguresSource): Figures {
  const orders = rows<{ id: string }>(directory, 'sales', 'select id from orders')
  const emails = rows<{ orderId: string }>(directory, 'marketing', 'select distinct "orderId" from emails')
  const copies = rows<{ id: string; email: string; status: string }>(
    directory,
    'marketing',
    `select id, email, status from "${copyTable}"`,
  )
  const revenue = rows<{ month: string; pence: number }>(directory, 'analytics', 'select month, pence from revenue')
  const thanked = new Set(emails.map(({ orderId }) => orderId))
  return {
    ordersLost: orders.filter(({ id }) => !thanked.has(id)).length + expected.orders.size - orders.length,
    emailsSentTwice: recorder.sentTwice,
    mailCalls: recorder.calls,
    emails: recorder.sent.size,
    customersWrong: countWrongCustomers(copies, expected),
    revenueDifferencePence: differenceOf(
      new Map(revenue.map(({ month, pence }) => [month, pence])),
      new Map([...expected.months].map(([month, { pence }]) => [month, pence])),
    ),
  }
}

function countWrongCustomers(
  copies: readonly { id: string; email: string; status: string }[],
  expected: Expected,
): number {
  const right = copies.filter(({ id, email, status }) => {
    const customer = expected.customers.get(id)
    return customer !== undefined && email === `customer-${id}@example.com` && status === customer.status
  })
  // What is missing, and what should not be there or is not as it should be.
  return expected.customers.size - right.length + copies.filter(({ id }) => !expected.customers.has(id)).length
}

export function differenceOf(found: ReadonlyMap<string, number>, expected: ReadonlyMap<string, number>): number {
  const names = new Set([...found.keys(), ...expected.keys()])
  return [...names].reduce((sum, name) => sum + Math.abs((found.get(name) ?? 0) - (expected.get(name) ?? 0)), 0)
}

/** Reads from a team's database, beside the process that owns it. */
export function rows<Row extends object>(directory: string, team: string, query: string): Row[] {
  const database = new Database(join(directory, `${team}.db`), { readonly: true })
  try {
    return database.prepare(query).all() as Row[]
  } finally {
    database.close()
  }
}
