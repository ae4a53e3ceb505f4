import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPool, postgresDatabase as emptyDatabase, type PostgresTest } from '@tidings/tools/postgres'
import Libsql from 'libsql'
import type { Pool } from 'pg'
import {
  connect,
  createService,
  defineContract,
  defineEntity,
  TerminalError,
  TidingsError,
  type Service,
} from 'tidings'
import { createBroker, ownersOnly, type Broker } from 'tidings/broker'
import type { Database } from 'tidings/database'
import { postgresDatabase } from 'tidings/databases/postgres'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import {
  inspectReplica,
  inspectTable,
  ownerRoutes,
  remoteOwner,
  type EntityOwner,
  type InspectedCopy,
} from 'tidings/drift'
import { embeddedEngine } from 'tidings/engines/embedded'
import { openCopy, ownerHandler, ownedEntity, serveOwner, sideOf, openOwner, type Side } from 'tidings/verify'
import { z } from 'zod'
import { compileSchema } from '../schemas.ts'
import { createServer } from '../server.ts'

export const topic = 'crm.customer'
export const operator = { namespace: 'default', principal: 'operator' }
const secret = 'a secret of at least 32 characters'

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

/** What the handler does wrong with a key, as long as it stands here. */
export type Misdeed = 'fails' | 'refuses' | 'forgets'

export interface World extends AsyncDisposable {
  /** As operators have it, over HTTP. */
  readonly broker: Broker
  /** Over HTTP, as whoever compares a copy has it. */
  readonly owner: EntityOwner
  readonly copies: readonly Copy[]
  readonly misdeeds: Map<string, Misdeed>
  source(): Promise<Side>
  /** The owner's database, for who goes around its service. */
  readonly pool: Pool
  readonly ownerUrl: string
  crm(): Service<'crm'>
  /** Changes a customer, or deletes it, as the owner does. */
  change(key: string, name: string | null): Promise<void>
  /** Nothing is published from here on, and everything again. */
  holdRelay(): void
  letRelayGo(): void
  /** Stops the owner's service, and starts it again when that is done. */
  restart(meanwhile: () => Promise<void>): Promise<void>
}

export async function openWorld(test: PostgresTest, { rows }: { readonly rows: number }): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-drift-'))
  const engine = embeddedEngine({ path: join(folder, 'store') })
  const authorize = ownersOnly({ operators: ['operator'] })
  const local = createBroker({ engine, authorize, compileSchema, retentionEveryMs: 50 })
  await local.start()
  const server = createServer({ port: 0, engine, broker: local })
  await server.start()
  const broker = connect(server.url)
  const held = { is: false }
  const { url: ownerUrl } = await emptyDatabase(test)
  const { url: statsUrl } = await emptyDatabase(test)
  const pools = { owner: openPool({ connectionString: ownerUrl }), stats: openPool({ connectionString: statsUrl }) }
  await fill(pools.owner, rows)
  const startCrm = (): Promise<Service<'crm'>> => openCrm(pools.owner, holding(connect(server.url), held))
  const present = { crm: await startCrm() }
  await publishAll(present.crm)
  const misdeeds = new Map<string, Misdeed>()
  const mailing = await openMail(join(folder, 'mail.db'), connect(server.url), misdeeds)
  const counting = await openStats(pools.stats, connect(server.url))
  const handler = ownerHandler({
    secret,
    entities: [entityOf(() => present.crm)],
    routes: ownerRoutes([ownerOf(() => present.crm)]),
  })
  const served = await serveOwner({ handler, port: 0 })
  const asked = { url: served.url, secret, topic }
  return {
    broker,
    owner: remoteOwner(asked),
    copies: await copiesOf(mailing, counting, join(folder, 'mail.db'), pools.stats),
    misdeeds,
    source: () => openOwner(asked),
    pool: pools.owner,
    ownerUrl,
    crm: () => present.crm,
    change: (key, name) => change(present.crm, key, name),
    holdRelay: () => void (held.is = true),
    letRelayGo: () => void (held.is = false),
    async restart(meanwhile) {
      await present.crm.stop()
      await meanwhile()
      present.crm = await startCrm()
    },
    async [Symbol.asyncDispose]() {
      await served.stop()
      for (const service of [present.crm, mailing.service, counting.service]) await service.stop()
      await server.stop()
      await local.stop()
      await Promise.all([pools.owner.end(), pools.stats.end()])
      mailing.client.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The relay's calls fail as if the server were out of reach, as long as they are held. */
function holding(broker: Broker, held: { readonly is: boolean }): Broker {
  const publish: Broker['publish'] = (caller, request) => {
    if (held.is) throw new TidingsError('unavailable', 'out of reach')
    return broker.publish(caller, request)
  }
  return new Proxy(broker, {
    get: (target, name: keyof Broker) => (name === 'publish' ? publish : target[name].bind(target)),
  })
}

// ------------------------------------------------------------------------------------------------------------ the owner

async function fill(pool: Pool, rows: number): Promise<void> {
  await pool.query('create table customers (id text primary key, name text not null, city text not null)')
  await pool.query(
    `insert into customers select 'c' || n, 'Name ' || n, 'City ' || n % 100 from generate_series(1, $1::integer) n`,
    [rows],
  )
}

async function openCrm(pool: Pool, broker: Broker): Promise<Service<'crm'>> {
  const service = createService({
    contract: crm,
    broker,
    database: postgresDatabase({ pool }),
    report: () => undefined,
  })
  service.owns(crm.customer, { table: 'customers' })
  await service.start()
  return service
}

async function publishAll(service: Service<'crm'>): Promise<void> {
  for (let after = ''; ;) {
    const last = await service.transaction(async (tx) => {
      const keys = await tx.query<{ id: string }>('select id from customers where id > $1 order by id limit 1000', [
        after,
      ])
      for (const { id } of keys) await tx.changed(crm.customer, id)
      return keys.at(-1)?.id
    })
    if (last === undefined) return
    after = last
  }
}

async function change(service: Service<'crm'>, key: string, name: string | null): Promise<void> {
  await service.transaction(async (tx) => {
    if (name === null) await tx.query('delete from customers where id = $1', [key])
    else {
      const text = 'insert into customers values ($1, $2, $3) on conflict (id) do update set name = excluded.name'
      await tx.query(text, [key, name, 'Anywhere'])
    }
    await tx.changed(crm.customer, key)
  })
}

function entityOf(present: () => Service<'crm'>) {
  const { topic: name, key, columns } = ownedEntity({ service: present(), entity: crm.customer })
  return {
    topic: name,
    key,
    columns,
    open: (wanted: readonly string[]) => ownedEntity({ service: present(), entity: crm.customer }).open(wanted),
  }
}

function ownerOf(present: () => Service<'crm'>): EntityOwner {
  return {
    topic,
    standing: (keys) => present().owner(crm.customer).standing(keys),
    publishAgain: (requests) => present().owner(crm.customer).publishAgain(requests),
  }
}

// ----------------------------------------------------------------------------------------------------------- the copies

interface Copying {
  readonly service: Service
  readonly database: Database
}

async function openMail(
  file: string,
  broker: Broker,
  misdeeds: ReadonlyMap<string, Misdeed>,
): Promise<Copying & { readonly client: Libsql.Database }> {
  const client = new Libsql(file)
  client.exec('pragma journal_mode = wal; create table notes (id text primary key, name text, city text)')
  const database = sqliteDatabase({ client })
  const service = createService({ contract: mail, broker, database, report: () => undefined })
  const replica = service.replicate(crm.customer, { columns: ['name', 'city'], table: 'customers' })
  const { created, updated, deleted } = crm.customer
  const retry = { quickDelaysMs: [], minDelayMs: 200, maxDelayMs: 400, maxAttempts: 1_000_000 }
  service.on('note', [created, updated, deleted], { from: 'beginning', retry }, async ({ event, transaction }) => {
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

async function openStats(pool: Pool, broker: Broker): Promise<Copying> {
  const database = postgresDatabase({ pool })
  const service = createService({ contract: stats, broker, database, report: () => undefined })
  const replica = service.replicate(crm.customer, { columns: ['name', 'city'], table: 'customers' })
  await service.start()
  await ready(() => replica.status().state === 'ready')
  return { service, database }
}

async function copiesOf(mailing: Copying, counting: Copying, file: string, pool: Pool): Promise<readonly Copy[]> {
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
