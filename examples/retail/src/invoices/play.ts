import { required } from '../process/child.ts'
import { readInvoices, type Invoice } from './read.ts'

export interface Player {
  /** Begins; repeated calls change nothing. */
  start(): void
  status(): { taken: number; failed: number; done: boolean }
}

/**
 * Plays the invoices of the environment (`INVOICES`, at most `ORDERS` of them) in their order, `CONCURRENCY` at a time,
 * as fast as they are taken.
 */
export function playInvoices(take: (invoice: Invoice) => Promise<void>): Player {
  const invoices = readInvoices(required('INVOICES')).slice(0, Number(required('ORDERS')))
  const workers = Number(required('CONCURRENCY'))
  let next = 0
  let taken = 0
  let failed = 0
  let started = false

  const work = async (): Promise<void> => {
    for (let invoice = invoices[next++]; invoice; invoice = invoices[next++]) {
      try {
        await take(invoice)
        taken += 1
      } catch (error) {
        failed += 1
        console.error(`Order ${invoice.id} was not taken:`, error)
      }
    }
  }
  return {
    start() {
      if (started) return
      started = true
      for (let worker = 0; worker < workers; worker += 1) void work()
    },
    status: () => ({ taken, failed, done: taken + failed === invoices.length }),
  }
}
