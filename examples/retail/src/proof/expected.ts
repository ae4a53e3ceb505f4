/**
 * What the year must come to, from the file alone. It imports nothing of Tidings and shares no code with the services,
 * so that one mistake cannot be made twice. Run it by itself: `node dist/proof/expected.js data/invoices.csv`.
 */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

export interface ExpectedOrder {
  readonly id: string
  readonly date: string
  readonly customerId: string
  readonly pence: number
}

export interface ExpectedCustomer {
  readonly id: string
  readonly orders: number
  readonly spentPence: number
  readonly lastOrder: string
  readonly status: 'active' | 'lost'
}

export interface Expected {
  /** By order id, in the order of the file. */
  readonly orders: ReadonlyMap<string, ExpectedOrder>
  readonly customers: ReadonlyMap<string, ExpectedCustomer>
  /** By month, `YYYY-MM`. */
  readonly months: ReadonlyMap<string, { readonly orders: number; readonly pence: number }>
  readonly revenuePence: number
}

const dayMs = 24 * 60 * 60 * 1000

/** The values after the first `limit` invoices of the file. */
export function expectedValues(path: string, limit = Number.POSITIVE_INFINITY): Expected {
  const rows = readFileSync(path, 'utf8').trim().split('\n').slice(1)
  const orders = new Map<string, ExpectedOrder>()
  const months = new Map<string, { orders: number; pence: number }>()
  const customers = new Map<string, { orders: number; spentPence: number; lastOrder: string }>()
  let newest = ''
  for (const row of rows.slice(0, Math.min(limit, rows.length))) {
    const [id = '', date = '', customerId = '', price = ''] = row.trim().split(',')
    const pence = roundHalfUp(price)
    orders.set(id, { id, date, customerId, pence })
    const month = months.get(date.slice(0, 7)) ?? { orders: 0, pence: 0 }
    months.set(date.slice(0, 7), { orders: month.orders + 1, pence: month.pence + pence })
    const known = customers.get(customerId) ?? { orders: 0, spentPence: 0, lastOrder: '' }
    customers.set(customerId, {
      orders: known.orders + 1,
      spentPence: known.spentPence + pence,
      lastOrder: date > known.lastOrder ? date : known.lastOrder,
    })
    if (date > newest) newest = date
  }
  const activeSince = newest === '' ? '' : new Date(Date.parse(newest) - 90 * dayMs).toISOString().slice(0, 10)
  return {
    orders,
    months,
    customers: new Map(
      [...customers].map(([id, row]) => [id, { id, ...row, status: row.lastOrder >= activeSince ? 'active' : 'lost' }]),
    ),
    revenuePence: [...months.values()].reduce((sum, { pence }) => sum + pence, 0),
  }
}

/** Exact: adds half a penny to the digits as one big integer and cuts off. */
function roundHalfUp(price: string): number {
  const [pounds = '0', fraction = ''] = price.split('.')
  const digits = BigInt(pounds + fraction.padEnd(3, '0'))
  const perPenny = 10n ** BigInt(Math.max(fraction.length, 3) - 2)
  return Number((digits + perPenny / 2n) / perPenny)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { orders, customers, months, revenuePence } = expectedValues(process.argv[2] ?? 'data/invoices.csv')
  const summary = { orders: orders.size, customers: customers.size, revenuePence, months: Object.fromEntries(months) }
  console.log(JSON.stringify(summary, undefined, 2))
}
