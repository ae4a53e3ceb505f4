import type { MigrationSet, Transaction } from 'tidings/database'
import type { Invoice } from '../../invoices/read.ts'

/** The tables of the sales team. */
export const salesTables: MigrationSet = {
  name: 'sales',
  migrations: [
    `create table orders (
       id text primary key,
       date text not null,
       "customerId" text not null,
       "totalPence" integer not null
     ) strict`,
  ],
}

export async function insertOrder(
  transaction: Transaction,
  { id, date, customerId, totalPence }: Invoice,
): Promise<void> {
  await transaction.query('insert into orders (id, date, "customerId", "totalPence") values (?, ?, ?, ?)', [
    id,
    date,
    customerId,
    totalPence,
  ])
}
