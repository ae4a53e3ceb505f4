import { createService, type Broker, type Service } from 'tidings'
import type { Database } from 'tidings/database'
import { crm } from '../../contracts/crm.ts'
import { sales } from '../../contracts/sales.ts'
import { correctCustomer, enterOrder, type Correction } from './customers.ts'

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

/** Corrects what somebody got wrong about a customer: the row and the event are in one commit. */
export async function correct(service: Service<'crm'>, id: string, correction: Correction): Promise<void> {
  await service.transaction(async (tx) => {
    await correctCustomer(tx, id, correction)
    await tx.changed(crm.customer, id)
  })
}
