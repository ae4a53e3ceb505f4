import { defineContract, defineEntity, type Service } from 'tidings'
import { z } from 'zod'

export const crm = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.number(), name: z.string(), since: z.string() }) }),
})

export const customers = `
  create table customers (id integer primary key generated always as identity, name text not null,
    since date not null default '2026-03-01')`

/** One library: a transaction of its own that adds a customer, says so, and ends as `before` does. */
export interface Recipe {
  add(service: Service<'crm'>, name: string, before: () => void): Promise<void>
  close(): Promise<void>
}
