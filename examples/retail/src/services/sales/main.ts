import type { Invoice } from '../../invoices/read.ts'
import { playInvoices } from '../../invoices/play.ts'
import { runService } from '../../process/run-service.ts'
import { salesTables } from './orders.ts'
import { createSales, takeOrder } from './service.ts'

let player: ReturnType<typeof playInvoices> | undefined

await runService({
  tables: salesTables,
  create: createSales,
  routes: (service) => ({
    'POST /play': () => {
      player ??= playInvoices((invoice) => takeOrder(service, invoice))
      player.start()
    },
    'POST /orders': ({ body }) => takeOrder(service, body as Invoice),
  }),
  status: () => player?.status() ?? { done: false },
})
