import type { MigrationSet, Transaction } from 'tidings/database'
import type { Order } from '../../contracts/sales.ts'

/** The tables of the analytics team where it runs in TypeScript. */
export const analyticsTables: MigrationSet = {
  name: 'analytics',
  migrations: [
    `create table revenue (month text primary key, orders integer not null, pence integer not null) strict;
     create table customer_value (customer_id text primary key, orders integer not null, pence integer not null) strict;`,
  ],
}

const addRevenue = `
  insert into revenue (month, orders, pence) values (?, 1, ?)
  on conflict (month) do update set orders = orders + 1, pence = pence + excluded.pence`

const addValue = `
  insert into customer_value (customer_id, orders, pence) values (?, 1, ?)
  on conflict (customer_id) do update set orders = orders + 1, pence = pence + excluded.pence`

export async function addOrder(transaction: Transaction, { date, customerId, totalPence }: Order): Promise<void> {
  await transaction.query(addRevenue, [date.slice(0, 7), totalPence])
  await transaction.query(addValue, [customerId, totalPence])
}
