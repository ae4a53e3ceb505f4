import type { Order } from '../contracts/sales.ts'
import { playInvoices } from '../invoices/play.ts'
import { announce, required } from '../process/child.ts'
import { openDatabase } from '../process/database.ts'
import { serve } from '../process/http.ts'
import { insertOrder, salesTables } from '../services/sales/orders.ts'
import { post } from './post.ts'

/** The sales team, commit then POST: the order is in our database, now tell everybody who should know. */
const { database } = openDatabase(required('DATABASE_FILE'))
await database.start()
await database.migrate(salesTables)

const crmUrl = required('CRM_URL')
const marketingUrl = required('MARKETING_URL')
const analyticsUrl = required('ANALYTICS_URL')

async function takeOrder(order: Order): Promise<void> {
  await database.transaction((transaction) => insertOrder(transaction, order))
  await post(`${crmUrl}/orders`, order)
  await Promise.all([post(`${marketingUrl}/orders`, order), post(`${analyticsUrl}/orders`, order)])
}

const player = playInvoices(takeOrder)
const { url } = await serve({
  port: Number(process.env['PORT'] ?? 0),
  routes: { 'POST /play': () => player.play(), 'GET /played': () => player.status() },
})
announce(url, () => database.stop())
