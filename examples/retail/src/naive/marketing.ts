import type { Customer } from '../contracts/crm.ts'
import type { Order } from '../contracts/sales.ts'
import { announce, required } from '../process/child.ts'
import { openDatabase } from '../process/database.ts'
import { call, serve } from '../process/http.ts'
import { insertEmail, mailProvider, marketingTables } from '../services/marketing/emails.ts'

/** The marketing team, commit then POST: whoever tells us of an order gets it thanked for. */
const { database } = openDatabase(required('DATABASE_FILE'))
await database.start()
await database.migrate(marketingTables)
await database.migrate({
  name: 'marketing_customers',
  migrations: ['create table customers (id text primary key, email text not null, status text not null) strict'],
})

const mail = mailProvider(required('MAIL_URL'))
const crmUrl = required('CRM_URL')

const copyCustomer = `
  insert into customers (id, email, status) values (?, ?, ?)
  on conflict (id) do update set email = excluded.email, status = excluded.status`

async function takeCustomers(customers: readonly Customer[]): Promise<void> {
  await database.transaction(async (transaction) => {
    for (const { id, email, status } of customers) await transaction.query(copyCustomer, [id, email, status])
  })
}

async function emailOf(customerId: string): Promise<string> {
  const [known] = await database.query<{ email: string }>('select email from customers where id = ?', [customerId])
  if (known) return known.email
  const { status, body } = await call('GET', `${crmUrl}/customers/${customerId}`)
  if (status !== 200) throw new Error(`The CRM answered ${status} for customer ${customerId}.`)
  return (body as Customer).email
}

async function takeOrder(order: Order): Promise<void> {
  const email = { to: await emailOf(order.customerId), order: order.id }
  await mail.send(email)
  await database.transaction((transaction) => insertEmail(transaction, email))
}

const { url } = await serve({
  port: Number(process.env['PORT'] ?? 0),
  routes: {
    'POST /customers': ({ body }) => takeCustomers(body as Customer[]),
    'POST /orders': ({ body }) => takeOrder(body as Order),
  },
})
announce(url, () => database.stop())
