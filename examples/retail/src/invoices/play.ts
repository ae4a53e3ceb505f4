import { setTimeout as pause } from 'node:timers/promises'
import { required } from '../process/child.ts'
import { readInvoices, type Invoice } from './read.ts'

export interface Player {
  /** Plays all but the last `CALM_ORDERS` invoices, `CONCURRENCY` at a time, as fast as they are taken. */
  play(): void
  /** Plays the rest, a hundred a second. */
  playCalmly(): void
  status(): PlayerStatus
}

export interface PlayerStatus {
  readonly taken: number
  readonly failed: number
  /** Whether it plays at present. */
  readonly busy: boolean
}

const calmPauseMs = 10

/** Plays the first `ORDERS` rows of the file `INVOICES` in their order. */
export function playInvoices(take: (invoice: Invoice) => Promise<void>): Player {
  const invoices = readInvoices(required('INVOICES')).slice(0, Number(required('ORDERS')))
  const end = Math.max(0, invoices.length - Number(process.env['CALM_ORDERS'] ?? 0))
  let next = 0
  let taken = 0
  let failed = 0
  let playing = 0

  const takeNext = async (): Promise<void> => {
    const invoice = invoices[next++]
    if (!invoice) return
    try {
      await take(invoice)
      taken += 1
    } catch (error) {
      failed += 1
      console.error(`Order ${invoice.id} was not taken:`, error)
    }
  }
  const work = async (until: number, pauseMs: number): Promise<void> => {
    playing += 1
    while (next < until) {
      await takeNext()
      if (pauseMs > 0) await pause(pauseMs)
    }
    playing -= 1
  }
  return {
    play() {
      for (let worker = 0; worker < Number(required('CONCURRENCY')); worker += 1) void work(end, 0)
    },
    playCalmly: () => void work(invoices.length, calmPauseMs),
    status: () => ({ taken, failed, busy: playing > 0 }),
  }
}
