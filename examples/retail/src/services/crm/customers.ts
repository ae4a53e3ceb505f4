import type { MigrationSet, Transaction } from 'tidings/database'
import type { Order } from '../../contracts/sales.ts'

/** The tables of the CRM team. */
export const crmTables: MigrationSet = {
  name: 'crm',
  migrations: [
    `create table customers (
       id text primary key,
       email text not null,
       orders integer not null,
       "spentPence" integer not null,
       "lastOrder" text not null,
       status text not null check (status in ('active', 'lost'))
     ) strict;
     create index customers_by_last_order on customers ("lastOrder");
     create index customers_by_status on customers (status, "lastOrder");`,
  ],
}

const count = `
  insert into customers (id, email, orders, "spentPence", "lastOrder", status) values (?, ?, 1, ?, ?, 'active')
  on conflict (id) do update set
    orders = orders + 1,
    "spentPence" = "spentPence" + excluded."spentPence",
    "lastOrder" = max("lastOrder", excluded."lastOrder")`

const judge = `
  with line as (select date(max("lastOrder"), '-90 days') as day from customers)
  update customers set status = case status when 'active' then 'lost' else 'active' end
  where status = 'active' and "lastOrder" < (select day from line)
     or status = 'lost' and "lastOrder" >= (select day from line)
  returning id`

/**
 * Enters one order and answers which customers it changed: the buyer, and those who are lost since it moved the newest
 * day of the year on. Sums and maxima commute, and after each order every status follows from them alone, so orders
 * may come in any order and the end is the same.
 */
export async function enterOrder(transaction: Transaction, order: Order): Promise<readonly string[]> {
  const { customerId, totalPence, date } = order
  await transaction.query(count, [customerId, `customer-${customerId}@example.com`, totalPence, date])
  const judged = await transaction.query<{ id: string }>(judge)
  return [...new Set([customerId, ...judged.map(({ id }) => id)])]
}

/** What is to be different; the rest stays. */
export interface Correction {
  readonly email?: string
  readonly status?: 'active' | 'lost'
}

export async function correctCustomer(
  transaction: Transaction,
  id: string,
  { email, status }: Correction,
): Promise<void> {
  await transaction.query(
    'update customers set email = coalesce(?, email), status = coalesce(?, status) where id = ?',
    [email ?? null, status ?? null, id],
  )
}
