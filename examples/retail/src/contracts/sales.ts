import { defineContract, defineEntity } from 'tidings'
import { z } from 'zod'

const order = z.object({
  id: z.string(),
  /** `YYYY-MM-DD` */
  date: z.iso.date(),
  customerId: z.string(),
  totalPence: z.int().nonnegative(),
})

export type Order = z.infer<typeof order>

/** What the sales team publishes, and all that others may know of it. */
export const sales = defineContract('sales', {
  order: defineEntity({ key: 'id', schema: order }),
})
