import type { Customer } from '../contracts/crm.ts'
import type { Order } from '../contracts/sales.ts'
import { announce, required } from '../process/child.ts'
import { openDatabase } from '../process/database.ts'
import { HttpError, serve } from '../process/http.ts'
import { crmTables, enterOrder } from '../services/crm/customers.ts'
import { post } from './post.ts'

/** The CRM team, commit then POST: the customers changed, now tell everybody who keeps a copy. */
const { database } = openDatabase(required('DATABASE_FILE'))
await database.start()
await database.migrate(crmTables)

const copies = [`${required('MARKETING_URL')}/customers`, `${required('ANALYTICS_URL')}/customers`]

async function customer(id: string): Promise<Customer | undefined> {
  const [row] = await database.query('select * from customers where id = ?', [id])
  return row as Customer | undefined
}

async function takeOrder(order: Order): Promise<void> {
  const changed = await database.transaction((transaction) => enterOrder(transaction, order))
  const states = await Promise.all(changed.map((id) => customer(id)))
  await Promise.all(copies.map((url) => post(url, states)))
}

const { url } = await serve({
  port: Number(process.env['PORT'] ?? 0),
  routes: {
    'POST /orders': ({ body }) => takeOrder(body as Order),
    'GET /customers/:id': async ({ id }) => {
      const found = await customer(id)
      if (!found) throw new HttpError(404, `There is no customer ${id}.`)
      return found
    },
  },
})
announce(url, () => database.stop())
