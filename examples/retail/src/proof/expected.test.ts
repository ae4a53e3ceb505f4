import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expectedValues } from './expected.ts'
import { readInvoices } from '../invoices/read.ts'

const data = new URL('../../data/invoices.csv', import.meta.url).pathname

test('the year comes to 18,532 orders, 4,338 customers and £8,911,407.90', () => {
  const expected = expectedValues(data)
  expect(expected.orders.size).toBe(18_532)
  expect(expected.customers.size).toBe(4338)
  expect(expected.revenuePence).toBe(891_140_790)
  expect(expected.months.size).toBe(13)
  expect([...expected.customers.values()].reduce((sum, { spentPence }) => sum + spentPence, 0)).toBe(891_140_790)
  expect([...expected.customers.values()].reduce((sum, { orders }) => sum + orders, 0)).toBe(18_532)
})

test('the expected values import nothing but what Node brings, so that one mistake cannot be made twice', () => {
  const program = readFileSync(new URL('expected.ts', import.meta.url), 'utf8')
  const imported = [...program.matchAll(/\bfrom '([^']+)'|\bimport\s*\(?\s*'([^']+)'/g)].map(
    ([, one, other]) => one ?? other,
  )
  expect(imported).toEqual(['node:fs', 'node:url'])
})

test('a customer is lost without an order in the 90 days before the newest one', () => {
  const { customers } = expectedValues(data)
  for (const { lastOrder, status } of customers.values()) {
    expect(status).toBe(lastOrder >= '2011-09-10' ? 'active' : 'lost')
  }
  expect([...customers.values()].filter(({ lastOrder }) => lastOrder === '2011-09-11').length).toBeGreaterThan(0)
})

test('the two readings of the file agree on every order, though they share no code', () => {
  const { orders } = expectedValues(data)
  const read = readInvoices(data).map(({ totalPence, ...order }) => ({ ...order, pence: totalPence }))
  expect(read).toEqual([...orders.values()])
})

test('the first orders alone have their own newest date', () => {
  const { orders, customers, months } = expectedValues(data, 500)
  expect(orders.size).toBe(500)
  expect([...months.keys()]).toEqual(['2010-12'])
  expect([...customers.values()].every(({ status }) => status === 'active')).toBe(true)
})

test('the 90th day before the newest order still counts, the 91st does not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retail-'))
  try {
    const path = join(directory, 'invoices.csv')
    const rows = ['1,2011-09-09,100,1.00', '2,2011-09-10,200,1.00', '3,2011-12-09,300,1.00']
    writeFileSync(path, `InvoiceNo,InvoiceDate,CustomerID,TotalPrice\n${rows.join('\n')}\n`)
    const statuses = [...expectedValues(path).customers.values()].map(({ id, status }) => [id, status])
    expect(statuses).toEqual([
      ['100', 'lost'],
      ['200', 'active'],
      ['300', 'active'],
    ])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
