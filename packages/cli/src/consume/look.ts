import type { Delivery } from 'tidings/broker'
import type { Session } from '../session.ts'
import { explainNothing, firstWaitMs, leaseMs, print, settle } from './deliveries.ts'

const pageSize = 1_000

/** Shows deliveries and hands them back, before they are printed: a slow reader of the output holds nobody up. */
export async function look(session: Session, subscription: string, max: number): Promise<void> {
  const { broker, caller, output } = session
  const deliveries: Delivery[] = []
  try {
    for (let more = true; more && deliveries.length < max;) {
      const page = await broker.pull(caller, {
        subscription,
        max: Math.min(max - deliveries.length, pageSize),
        leaseMs,
        waitMs: deliveries.length === 0 ? firstWaitMs : 0,
      })
      deliveries.push(...page.deliveries)
      more = page.deliveries.length > 0
    }
  } finally {
    await settle(session, subscription, { acknowledged: [], released: deliveries })
  }
  for (const delivery of deliveries) await print(session, delivery)
  if (deliveries.length === 0) return explainNothing(session, subscription)
  output.note(`${deliveries.length === 1 ? 'It goes' : 'They go'} back to ${subscription}; --ack would acknowledge.`)
}
