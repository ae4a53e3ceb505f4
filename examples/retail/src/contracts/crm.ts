import { defineContract, defineEntity } from 'tidings'
import { z } from 'zod'

const customer = z.object({
  id: z.string(),
  email: z.string(),
  orders: z.int().positive(),
  spentPence: z.int().nonnegative(),
  lastOrder: z.iso.date(),
  /** `lost` without an order in the 90 days before the newest order of the year. */
  status: z.enum(['active', 'lost']),
})

export type Customer = z.infer<typeof customer>

/** What the CRM team publishes, and all that others may know of it. */
export const crm = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: customer }),
})
