import Libsql from 'libsql'
import type { Pool } from 'pg'
import { createService, defineContract, defineEntity, TerminalError, type Service } from 'tidings'
import type { Broker } from 'tidings/broker'
import type { Database } from 'tidings/database'
import { postgresDatabase } from 'tidings/databases/postgres'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { inspectReplica, inspectTable, type InspectedCopy } from 'tidings/drift'
import { openCopy, sideOf, type Side } from 'tidings/verify'
import { z } from 'zod'

export const topic = 'crm.customer'

export const crm = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), name: z.string(), city: z.string() }) }),
})
const mail = defineContract('mail', {})
const stats = defineContract('stats', {})

/** A copy of the customers: one in SQLite, one in PostgreSQL, one that a handler keeps by hand. */
export interface Copy {
  readonly name: 'mail' | 'stats' | 'notes'
  readonly inspected: InspectedCopy
  side(): Promise<Side>
  /** Runs SQL as somebody would who goes around Tidings. */
  run(text: string, values?: readonly string[]): Promise<void>
}

/** What there is in the beginning, by the number `n` of a customer. */
export const customers = `select 'c' || n, 'Name ' || n, 'City ' || (n % 100)`

/** What the handler does wrong with a key, as long as it stands here. */
export type Misdeed = 'fails' | 'refuses' | 'forgets'

export interface Copying {
  readonly service: Service
  readonly database: Database
}

export async function openMail(
  file: string,
  broker: Broker,
  { misdeeds, rows }: { readonly misdeeds: ReadonlyMap<string, Misdeed>; readonly rows: number },
): Promise<Copying & { readonly client: Libsql.Database }> {
  const client = new Libsql(file)
  // Whoever keeps notes by hand began with what there was, and follows what changes.
  client.exec(`
    pragma journal_mode = wal;
    create table notes (id text primary key, name text, city text);
    with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${rows})
      insert into notes ${customers} from numbers`)
  const database = sqliteDatabase({ client })
  const service = createService({ contract: mail, broker, database, report: () => undefined })
  const replica = service.replicate(crm.customer, { columns: ['name', 'city'], table: 'customers' })
  const { created, updated, deleted } = crm.customer
  const retry = {
    quickDelaysMs: Array.from({ length: 100 }, () => 3_000),
    minDelayMs: 3_000,
    maxDelayMs: 3_000,
    maxAttempts: 1_000_000,
  }
  service.on('note', [created, updated, deleted], { from: 'end', retry }, async ({ event, transaction }) => {
    const { key = '', data } = event
    const misdeed = misdeeds.get(key)
    if (misdeed === 'fails') throw new Error('the notes are out of order')
    if (misdeed === 'refuses') throw new TerminalError('nobody can note this')
    if (misdeed === 'forgets') return
    await transaction((tx) => {
      if (event.type === deleted.type) return tx.query('delete from notes where id = ?', [key])
      const { name, city } = data as { name: string; city: string }
      const text = `insert into notes values (?, ?, ?) on conflict (id) do update set name = excluded.name, city = excluded.city`
      return tx.query(text, [key, name, city])
    })
  })
  await service.start()
  await ready(() => replica.status().state === 'ready')
  return { service, database, client }
}

export async function openStats(pool: Pool, broker: Broker): Promise<Copying> {
  const database = postgresDatabase({ pool })
  const service = createService({ contract: stats, broker, database, report: () => undefined })
  const replica = service.replicate(crm.customer, { columns: ['name', 'city'], table: 'customers' })
  await service.start()
  await ready(() => replica.status().state === 'ready')
  return { service, database }
}

export async function copiesOf(
  mailing: Copying,
  counting: Copying,
  file: string,
  pool: Pool,
): Promise<readonly Copy[]> {
  const inSqlite = async (text: string, values: readonly string[] = []): Promise<void> => {
    const other = new Libsql(file, { timeout: 10_000 })
    try {
      const rows = other
        .prepare(`select name from sqlite_schema where type = 'trigger' and tbl_name = 'customers'`)
        .all()
      for (const { name } of rows as { name: string }[]) other.exec(`drop trigger "${name}"`)
      other.prepare(text).run(...values)
    } finally {
      other.close()
    }
  }
  const inPostgres = async (text: string, values: readonly string[] = []): Promise<void> => {
    await pool.query('drop trigger if exists tidings_read_only on customers')
    let place = 0
    await pool.query(
      text.replaceAll('?', () => `$${++place}`),
      [...values],
    )
  }
  const { database } = mailing
  const notes = { database, topic, subscription: 'mail.note', table: 'notes', key: 'id', columns: ['name', 'city'] }
  return [
    {
      name: 'mail',
      inspected: await inspectReplica({ database, table: 'customers' }),
      side: () => openCopy({ database, table: 'customers' }),
      run: inSqlite,
    },
    {
      name: 'stats',
      inspected: await inspectReplica({ database: counting.database, table: 'customers' }),
      side: () => openCopy({ database: counting.database, table: 'customers' }),
      run: inPostgres,
    },
    { name: 'notes', inspected: inspectTable(notes), side: async () => sideOfNotes(database), run: inSqlite },
  ]
}

function sideOfNotes(database: Database): Side {
  const columns = ['name', 'city']
  const keyed = (rows: readonly Record<string, unknown>[]) => rows.map((data) => ({ key: String(data['id']), data }))
  return sideOf({
    key: 'id',
    columns,
    page: async ({ after = '', upTo }, limit) => {
      const [condition, values] = upTo === undefined ? ['', [after]] : ['and id <= ?', [after, upTo]]
      return keyed(
        await database.query(`select * from notes where id > ? ${condition} order by id limit ${limit}`, values),
      )
    },
    find: async (keys) => {
      const places = keys.map(() => '?').join(', ')
      return keyed(await database.query(`select * from notes where id in (${places})`, keys))
    },
  })
}

/** Waits, in real time, for real databases and a real server. */
export async function ready(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20))
}
