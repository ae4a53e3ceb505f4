import { createService, type Broker, type Service } from 'tidings'
import type { Database } from 'tidings/database'
import { sales } from '../../contracts/sales.ts'
import type { Invoice } from '../../invoices/read.ts'
import { insertOrder } from './orders.ts'

/** The sales team: the system of record for orders. */
export function createSales(parts: { broker: Broker; database: Database }): Service<'sales'> {
  const service = createService({ contract: sales, ...parts })
  service.owns(sales.order, { table: 'orders' })
  return service
}

/** Takes one order: its row and its event are in one commit. */
export async function takeOrder(service: Service<'sales'>, invoice: Invoice): Promise<void> {
  await service.transaction(async (tx) => {
    await insertOrder(tx, invoice)
    await tx.changed(sales.order, invoice.id)
  })
}
