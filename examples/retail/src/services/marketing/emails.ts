import type { MigrationSet, Transaction } from 'tidings/database'
import { call } from '../../process/http.ts'

/** The tables of the marketing team; its copy of the customers stands beside them. */
export const marketingTables: MigrationSet = {
  name: 'marketing',
  migrations: [`create table emails ("orderId" text not null, "to" text not null) strict`],
}

export interface Email {
  readonly to: string
  readonly order: string
}

export async function insertEmail(transaction: Transaction, { to, order }: Email): Promise<void> {
  await transaction.query('insert into emails ("orderId", "to") values (?, ?)', [order, to])
}

export interface Mail {
  /** Rejects when the provider did not take the email. */
  send(email: Email, options?: { idempotencyKey: string }): Promise<void>
}

/** The provider of email, over HTTP. */
export function mailProvider(url: string): Mail {
  return {
    async send(email, options) {
      const headers = options ? { 'idempotency-key': options.idempotencyKey } : {}
      const { status } = await call('POST', `${url}/emails`, { body: email, headers })
      if (status !== 200) throw new Error(`The mail provider answered ${status}.`)
    },
  }
}
