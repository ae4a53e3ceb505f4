import type { Delivery, Outcome } from 'tidings/broker'
import type { Session } from '../session.ts'
import { count, duration, eventLine } from '../text.ts'

export const leaseMs = 30_000
/** A subscription that nobody asked for a while needs a moment to look at its topic. */
export const firstWaitMs = 500

const mostOutcomes = 1_000

/** One delivery as a line of data. The lease is left out: it is settled by this command or not at all. */
export function print({ output }: Session, { lease: _, ...delivery }: Delivery): Promise<void> {
  const attempt = delivery.attempt > 1 ? `  (attempt ${delivery.attempt})` : ''
  return output.show(delivery, () => `${eventLine(delivery)}${attempt}`)
}

/** Acknowledges the first ones and hands the others back; answers how many acknowledgements came too late. */
export async function settle(
  { broker, caller }: Session,
  subscription: string,
  { acknowledged, released }: { readonly acknowledged: readonly Delivery[]; readonly released: readonly Delivery[] },
): Promise<number> {
  // Last first: an earlier delivery of a key cannot go back before a later one.
  const outcomes: readonly Outcome[] = [
    ...acknowledged.map(({ lease }) => ({ lease, action: 'ack' }) as const),
    ...released.toReversed().map(({ lease }) => ({ lease, action: 'release' }) as const),
  ]
  let settled = 0
  for (let start = 0; start < outcomes.length; start += mostOutcomes) {
    const answers = await broker.settle(caller, { subscription, outcomes: outcomes.slice(start, start + mostOutcomes) })
    settled += answers
      .slice(0, Math.max(0, acknowledged.length - start))
      .filter(({ status }) => status === 'settled').length
  }
  return acknowledged.length - settled
}

/** Why there was nothing to deliver, where somebody might have expected something. */
export async function explainNothing({ broker, caller, output }: Session, subscription: string): Promise<void> {
  const { pending, leased, retrying, waiting, parked, dead, oldestPendingMs } = await broker.stats(caller, subscription)
  const reasons = [
    leased > 0 && `${leased} leased by other consumers`,
    retrying > 0 && `${retrying} waiting for a retry`,
    waiting > 0 && `${waiting} waiting for data`,
    parked > 0 && `${parked} parked behind dead letters`,
  ].filter((reason) => typeof reason === 'string')
  const letters = dead > 0 ? ` ${count(dead, 'dead letter')}: tidings dead-letters list ${subscription}` : ''
  if (pending === 0) return output.note(`Nothing to deliver: ${subscription} is at the end of its topic.${letters}`)
  const oldest = `the oldest for ${duration(oldestPendingMs)}`
  output.note(
    `Nothing to deliver now; ${count(pending, 'event')} pending (${[...reasons, oldest].join(', ')}).${letters}`,
  )
}
