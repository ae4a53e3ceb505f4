import type { SettleStatus } from '../delivery/index.ts'
import type { SettleAnswer } from './port/deliveries.ts'

/** What the machine said of a lease, in words. */
export function settleAnswer(lease: string, status: SettleStatus): SettleAnswer {
  if (status === 'settled') return { lease, status }
  const message =
    status === 'lease-lost'
      ? 'This lease has ended; the event belongs to somebody else or is settled. Nothing was changed.'
      : 'An earlier event of the same key is still leased to you; settle that one first. Nothing was changed.'
  return { lease, status: 'refused', code: status, message }
}
