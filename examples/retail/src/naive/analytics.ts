import type { Customer } from '../contracts/crm.ts'
import type { Order } from '../contracts/sales.ts'
import { announce, required } from '../process/child.ts'
import { openDatabase } from '../process/database.ts'
import { serve } from '../process/http.ts'
import { addOrder, analyticsTables } from '../services/analytics/figures.ts'

/** The analytics team, commit then POST: whatever we are told is added up. */
const { database } = openDatabase(required('DATABASE_FILE'))
await database.start()
await database.migrate(analyticsTables)
await database.migrate({
  name: 'analytics_customers',
  migrations: [
    `create table customers (
       id text primary key, orders integer not null, spent_pence integer not null, last_order text not null, status text not null
     ) strict`,
  ],
})

const copyCustomer = `
  insert into customers (id, orders, spent_pence, last_order, status) values (?, ?, ?, ?, ?)
  on conflict (id) do update set orders = excluded.orders, spent_pence = excluded.spent_pence,
    last_order = excluded.last_order, status = excluded.status`

async function takeCustomers(customers: readonly Customer[]): Promise<void> {
  await database.transaction(async (transaction) => {
    for (const { id, orders, spentPence, lastOrder, status } of customers)
      await transaction.query(copyCustomer, [id, orders, spentPence, lastOrder, status])
  })
}

async function takeOrder(order: Order): Promise<void> {
  await database.transaction((transaction) => addOrder(transaction, order))
}

const { url } = await serve({
  port: Number(process.env['PORT'] ?? 0),
  routes: {
    'POST /customers': ({ body }) => takeCustomers(body as Customer[]),
    'POST /orders': ({ body }) => takeOrder(body as Order),
  },
})
announce(url, () => database.stop())
