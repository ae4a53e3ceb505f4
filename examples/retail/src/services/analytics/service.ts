import { createService, defineContract, type Broker, type Service } from 'tidings'
import type { Database } from 'tidings/database'
import { crm } from '../../contracts/crm.ts'
import { sales } from '../../contracts/sales.ts'
import { addOrder } from './figures.ts'

/** The analytics team where the machine has no Python: `analytics.py`, with the service kit. */
export function createAnalytics(parts: { broker: Broker; database: Database }): Service<'analytics'> {
  const service = createService({ contract: defineContract('analytics', {}), ...parts })
  service.replicate(crm.customer, { columns: ['id', 'orders', 'spentPence', 'lastOrder', 'status'], freshness: '1m' })

  service.on(
    'count-order',
    sales.order.created,
    { from: 'beginning', concurrency: 100 },
    async ({ event, transaction }) => {
      await transaction(async (tx) => addOrder(tx, event.data))
    },
  )
  return service
}
