import { describe, expect, test } from 'vitest'
import { formatPence, penceOf } from './pence.ts'
import { parseInvoices, readInvoices } from './read.ts'

const data = new URL('../../data/invoices.csv', import.meta.url).pathname
const header = 'InvoiceNo,InvoiceDate,CustomerID,TotalPrice'

describe('penceOf()', () => {
  test.each([
    ['139.12', 13912],
    ['22.200000000000003', 2220],
    ['70.05000000000001', 7005],
    ['249.45', 24945],
    ['1.005', 101],
    ['1.00499999999999999999', 100],
    ['0.995', 100],
    ['99.995', 10000],
    ['0.5', 50],
    ['15', 1500],
    ['168469.6', 16846960],
    ['999999999999.99', 99999999999999],
  ])('%s is %i pence, half a penny rounded up', (text, pence) => {
    expect(penceOf(text)).toBe(pence)
  })

  test.each(['', '.5', '5.', '-1', '+1', '1e3', '1,5', ' 1', '1 ', '£1', '1.2.3', 'NaN', '0x10', '1'.repeat(13)])(
    '"%s" is not an amount',
    (text) => {
      expect(penceOf(text)).toBeUndefined()
    },
  )

  test('formatPence() writes pounds as they are written in Britain', () => {
    expect(formatPence(891_140_790)).toBe('£8,911,407.90')
    expect(formatPence(5)).toBe('£0.05')
    expect(formatPence(-8_411_027)).toBe('-£84,110.27')
  })
})

describe('readInvoices()', () => {
  test('reads the whole year in its order', () => {
    const invoices = readInvoices(data)
    expect(invoices).toHaveLength(18_532)
    expect(invoices[1]).toEqual({ id: '536366', date: '2010-12-01', customerId: '17850', totalPence: 2220 })
    expect(new Set(invoices.map(({ customerId }) => customerId)).size).toBe(4338)
    expect(invoices.reduce((sum, { totalPence }) => sum + totalPence, 0)).toBe(891_140_790)
  })

  test.each([
    ['1,2010-12-01,7', 'it has 3 columns instead of 4'],
    ['1,2010-12-01,7,1.00,x', 'it has 5 columns instead of 4'],
    ['', 'it has 1 columns instead of 4'],
    ['C1,2010-12-01,7,1.00', 'InvoiceNo "C1" is not a number'],
    ['1,2010-02-30,7,1.00', 'InvoiceDate "2010-02-30" is not a date'],
    ['1,01/12/2010,7,1.00', 'InvoiceDate "01/12/2010" is not a date'],
    ['1,2010-12-01,,1.00', 'CustomerID "" is not a number'],
    ['1,2010-12-01,7,-1.00', 'TotalPrice "-1.00" is not an amount'],
    ['1,2010-12-01,7,"1.00"', 'TotalPrice ""1.00"" is not an amount'],
  ])('refuses the row "%s" with file and line', (row, what) => {
    const text = `${header}\n536365,2010-12-01,17850,139.12\n${row}\n536366,2010-12-01,17850,22.2\n`
    expect(() => parseInvoices(text, 'orders.csv')).toThrow(`orders.csv:3 does not parse: ${what}`)
  })

  test('refuses a number that stands there twice, naming both lines', () => {
    const text = `${header}\n1,2010-12-01,7,1.00\n2,2010-12-01,7,1.00\n1,2010-12-02,8,2.00`
    expect(() => parseInvoices(text, 'orders.csv')).toThrow(
      'orders.csv:4 does not parse: invoice 1 stands on line 2 already',
    )
  })

  test('refuses another header', () => {
    expect(() => parseInvoices('a,b\n', 'orders.csv')).toThrow('orders.csv:1 does not parse: the header')
  })
})
