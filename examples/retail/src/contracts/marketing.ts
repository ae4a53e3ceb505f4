import { defineContract, defineEvent } from 'tidings'
import { z } from 'zod'

/** What the marketing team publishes, and all that others may know of it. */
export const marketing = defineContract('marketing', {
  emailSent: defineEvent({ key: 'orderId', schema: z.object({ orderId: z.string() }) }),
})
