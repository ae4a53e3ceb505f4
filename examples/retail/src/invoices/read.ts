import { existsSync, readFileSync } from 'node:fs'
import { penceOf } from './pence.ts'

/** One line of `invoices.csv`: an order as sales takes it. */
export interface Invoice {
  readonly id: string
  /** `YYYY-MM-DD` */
  readonly date: string
  readonly customerId: string
  readonly totalPence: number
}

const header = 'InvoiceNo,InvoiceDate,CustomerID,TotalPrice'

/**
 * All invoices of a file, in its order. The whole file is read before the first invoice is used: a row that does not
 * parse throws, naming file and line, and no order of the file has been taken.
 */
export function readInvoices(path: string): readonly Invoice[] {
  if (!existsSync(path)) throw new Error(`There is no file ${path}; name a CSV file with the columns ${header}.`)
  return parseInvoices(readFileSync(path, 'utf8'), path)
}

export function parseInvoices(text: string, path: string): readonly Invoice[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  if (lines[0] !== header) throw problem(path, 1, `the header is not "${header}"`)
  const lineOf = new Map<string, number>()
  return lines.slice(1).map((text, index) => {
    const line = index + 2
    const invoice = parseInvoice(text, (what) => problem(path, line, what))
    const earlier = lineOf.get(invoice.id)
    if (earlier !== undefined) throw problem(path, line, `invoice ${invoice.id} stands on line ${earlier} already`)
    lineOf.set(invoice.id, line)
    return invoice
  })
}

function parseInvoice(text: string, refuse: (what: string) => Error): Invoice {
  const columns = text.split(',')
  const [id = '', date = '', customerId = '', price = ''] = columns
  if (columns.length !== 4) throw refuse(`it has ${columns.length} columns instead of 4`)
  if (!/^\d{1,12}$/.test(id)) throw refuse(`InvoiceNo "${id}" is not a number`)
  if (!isDate(date)) throw refuse(`InvoiceDate "${date}" is not a date such as 2010-12-01`)
  if (!/^\d{1,12}$/.test(customerId)) throw refuse(`CustomerID "${customerId}" is not a number`)
  const totalPence = penceOf(price)
  if (totalPence === undefined) throw refuse(`TotalPrice "${price}" is not an amount such as 139.12`)
  return { id, date, customerId, totalPence }
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

function problem(path: string, line: number, what: string): Error {
  return new Error(
    `${path}:${line} does not parse: ${what}. Correct the row and start again; no order of this file was taken.`,
  )
}
