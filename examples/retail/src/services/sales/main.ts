import { playInvoices } from '../../invoices/play.ts'
import type { Invoice } from '../../invoices/read.ts'
import { runService } from '../../process/run-service.ts'
import { salesTables } from './orders.ts'
import { createSales, takeOrder } from './service.ts'

await runService({
  tables: salesTables,
  create: createSales,
  routes(service) {
    const player = playInvoices((invoice) => takeOrder(service, invoice))
    return {
      'POST /play': () => player.play(),
      'POST /play-calmly': () => player.playCalmly(),
      'GET /played': () => player.status(),
      'POST /orders': ({ body }) => takeOrder(service, body as Invoice),
    }
  },
})
