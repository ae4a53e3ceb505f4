import { createService, waitFor, type Broker, type Service } from 'tidings'
import type { Database } from 'tidings/database'
import { crm } from '../../contracts/crm.ts'
import { marketing } from '../../contracts/marketing.ts'
import { sales } from '../../contracts/sales.ts'
import { insertEmail, type Mail } from './emails.ts'

/** The marketing team: thanks for every order, without ever calling the CRM. */
export function createMarketing({
  mail,
  ...parts
}: {
  broker: Broker
  database: Database
  mail: Mail
}): Service<'marketing'> {
  const service = createService({ contract: marketing, ...parts })
  const customers = service.replicate(crm.customer, { columns: ['id', 'email', 'status'], freshness: '1m' })

  service.on(
    'thank-buyer',
    sales.order.created,
    { from: 'end', concurrency: 50, prefetch: 64 },
    async ({ event, idempotencyKey, transaction }) => {
      const { id: orderId, customerId } = event.data
      const buyer = (await customers.get(customerId)) ?? waitFor(crm.customer, customerId)
      await mail.send({ to: buyer.email, order: orderId }, { idempotencyKey }) // outside: at least once, no lock held
      await transaction(async (tx) => {
        await insertEmail(tx, { to: buyer.email, order: orderId }) // inside: once
        await tx.publish(marketing.emailSent, { orderId })
      })
    },
  )
  return service
}
