import { randomUUID } from 'node:crypto'
import { Pool } from 'pg'
import { connect, createService, defineContract, defineEntity, defineEvent, type Broker, type Service } from 'tidings'
import { postgresDatabase } from 'tidings/databases/postgres'
import { WebSocket } from 'ws'
import { z } from 'zod'

export const bank = defineContract('bank', {
  account: defineEntity({ key: 'id', schema: z.object({ id: z.int(), balance: z.int(), note: z.string() }) }),
  moved: defineEvent({ schema: z.object({ number: z.int(), text: z.string() }) }),
})

/** A service whose transactions change an account and tell of it. */
export interface Bank {
  readonly pool: Pool
  readonly service: Service<'bank'>
  readonly broker: Broker
  stop(): Promise<void>
}

/** So many that a run of 2,000 changes a second need not change one twice. */
export const accounts = 50_000
const texts = Array.from({ length: 64 }, () => randomUUID().repeat(27).slice(0, 950))
const textOf = (number: number): string => texts[number % texts.length]!
/** Not the account of the call before, so that calls at once do not wait for each other's lock. */
export const accountOf = (number: number): number => (number * 7) % accounts

export async function openBank({ url, server }: { url: string; server: string }): Promise<Bank> {
  const pool = new Pool({ connectionString: url, max: 20 })
  await pool.query(`
    drop schema if exists tidings cascade;
    drop table if exists account, bare;
    create table account (id integer primary key, balance integer not null, note text not null);
    create table bare (id bigint generated always as identity primary key, topic text, key text, event bytea);
    insert into account select number, 0, repeat('x', 900) from generate_series(0, ${accounts - 1}) number`)
  const broker = connect(server, { WebSocket })
  const database = postgresDatabase({ pool })
  await database.start()
  const service = createService({ contract: bank, broker, database })
  service.owns(bank.account, { table: 'account' })
  await service.start()
  return {
    pool,
    service,
    broker,
    async stop() {
      await service.stop()
      await database.stop()
      await broker.stop()
      await pool.end()
    },
  }
}

const update = 'update account set balance = balance + 1 where id = $1'
const insert = 'insert into bare (topic, key, event) values ($1, $2, $3)'

/** About 1 kB, as an outbox of one's own would have it. */
function bareEvent(number: number): Buffer {
  return Buffer.from(JSON.stringify({ id: randomUUID(), time: new Date(), number, text: textOf(number) }))
}

/** One transaction that changes an account, and tells of it in one way or another. */
export const ways = {
  async 'pg, bare insert'({ pool }: Bank, number: number) {
    const client = await pool.connect()
    try {
      await client.query('begin')
      await client.query(update, [accountOf(number)])
      await client.query(insert, ['bank.moved', null, bareEvent(number)])
      await client.query('commit')
    } finally {
      client.release()
    }
  },
  async 'service.transaction, bare insert'({ service }: Bank, number: number) {
    await service.transaction(async (tx) => {
      await tx.query(update, [accountOf(number)])
      await tx.query(insert, ['bank.moved', null, bareEvent(number)])
    })
  },
  async 'tx.publish'({ service }: Bank, number: number) {
    await service.transaction(async (tx) => {
      await tx.query(update, [accountOf(number)])
      await tx.publish(bank.moved, { number, text: textOf(number) })
    })
  },
  async 'tx.changed'({ service }: Bank, number: number) {
    await service.transaction(async (tx) => {
      await tx.query(update, [accountOf(number)])
      await tx.changed(bank.account, accountOf(number))
    })
  },
} as const

export type Way = keyof typeof ways

export async function sent({ service }: Bank): Promise<boolean> {
  const { outbox } = await service.stats()
  return outbox.pending === 0
}
