import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { connect, createService, defineContract, defineEntity, defineEvent, type Broker, type Service } from 'tidings'
import { postgresDatabase } from 'tidings/databases/postgres'
import { WebSocket } from 'ws'

/** A bank whose transactions change an account and tell of it in one of several ways. */
export interface Business {
  readonly pool: pg.Pool
  readonly service: Service<'bank'>
  readonly broker: Broker
  stop(): Promise<void>
}

export type Way = keyof typeof ways

const accounts = 10_000
const text = Array.from({ length: 64 }, () => randomUUID().repeat(27).slice(0, 950))

const anything = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value: unknown) => ({ value }),
    jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
  },
} as const

export const bank = defineContract('bank', {
  account: defineEntity({ key: 'id', schema: anything as never }),
  moved: defineEvent({ schema: anything as never }),
})

export async function openBusiness({ url, server }: { url: string; server: string }): Promise<Business> {
  const pool = new pg.Pool({ connectionString: url, max: 20 })
  const setup = await pool.connect()
  await setup.query(`
    create table if not exists account (id integer primary key, balance integer not null, note text not null);
    create table if not exists bare (id bigint generated always as identity primary key, topic text, key text, event bytea);
    truncate account, bare;
    insert into account select number, 0, repeat('x', 900) from generate_series(0, ${accounts - 1}) number`)
  setup.release()
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

/** The ways to tell, each in one transaction with the same change. */
export const ways = {
  async 'a bare insert'({ pool }: Business, number: number) {
    const client = await pool.connect()
    try {
      await client.query('begin')
      await client.query(update, [number % accounts])
      const event = Buffer.from(JSON.stringify({ id: randomUUID(), number, text: text[number % 64] }))
      await client.query(insert, ['bank.moved', String(number % accounts), event])
      await client.query('commit')
    } finally {
      client.release()
    }
  },
  async 'tx.query'({ service }: Business, number: number) {
    await service.transaction(async (tx) => {
      await tx.query(update, [number % accounts])
      const event = Buffer.from(JSON.stringify({ id: randomUUID(), number, text: text[number % 64] }))
      await tx.query(insert, ['bank.moved', String(number % accounts), event])
    })
  },
  async 'tx.publish'({ service }: Business, number: number) {
    await service.transaction(async (tx) => {
      await tx.query(update, [number % accounts])
      await tx.publish(bank.moved, { number, text: text[number % 64] })
    })
  },
  async 'tx.changed'({ service }: Business, number: number) {
    await service.transaction(async (tx) => {
      await tx.query(update, [number % accounts])
      await tx.changed(bank.account, number % accounts)
    })
  },
} as const

export interface Latencies {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

/** One after the other in `lanes` lanes, as fast as it goes. Milliseconds. */
export async function closedLoop(
  run: { readonly lanes: number; readonly seconds: number },
  work: (number: number) => Promise<void>,
): Promise<{ latencies: number[]; seconds: number }> {
  const latencies: number[] = []
  const start = performance.now()
  const end = start + run.seconds * 1_000
  let number = 0
  await Promise.all(
    Array.from({ length: run.lanes }, async () => {
      while (performance.now() < end) {
        const before = performance.now()
        await work((number += 7))
        latencies.push(performance.now() - before)
      }
    }),
  )
  return { latencies, seconds: (performance.now() - start) / 1_000 }
}

/** At a rate, whether or not the ones before have ended; latencies are from when each was to begin. Milliseconds. */
export async function openLoop(
  run: { readonly perSecond: number; readonly seconds: number },
  work: (number: number) => Promise<void>,
): Promise<{ latencies: number[]; seconds: number }> {
  const latencies: number[] = []
  const start = performance.now()
  const all = run.perSecond * run.seconds
  const running: Promise<void>[] = []
  let begun = 0
  while (begun < all) {
    const now = performance.now()
    for (; begun < all && start + (begun * 1_000) / run.perSecond <= now; begun++) {
      const due = start + (begun * 1_000) / run.perSecond
      running.push(work(begun * 7).then(() => void latencies.push(performance.now() - due)))
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(running)
  return { latencies, seconds: (performance.now() - start) / 1_000 }
}

export function percentile(latencies: readonly number[], share: number): number {
  const sorted = latencies.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
