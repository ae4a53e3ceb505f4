import { createService, type Broker, type Service } from 'tidings'
import type { Database } from 'tidings/database'
import { crm } from '../../contracts/crm.ts'
import { sales } from '../../contracts/sales.ts'
import { enterOrder } from './customers.ts'

/** The CRM team: the system of record for customers, who come into being and change with their orders. */
export function createCrm(parts: { broker: Broker; database: Database }): Service<'crm'> {
  const service = createService({ contract: crm, ...parts })
  service.owns(crm.customer, { table: 'customers' })

  service.on(
    'enter-order',
    sales.order.created,
    { from: 'beginning', concurrency: 100 },
    async ({ event, transaction }) => {
      await transaction(async (tx) => {
        for (const id of await enterOrder(tx, event.data)) await tx.changed(crm.customer, id)
      })
    },
  )
  return service
}
