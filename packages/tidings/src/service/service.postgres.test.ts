import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import type { Pool } from 'pg'
import { expect, onTestFinished, test, vi, type TestContext } from 'vitest'
import { allowAll, createBroker, type Broker } from '../broker/index.ts'
import type { Database } from '../database/index.ts'
import { postgresDatabase } from '../databases/postgres/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { createService, type Service } from './index.ts'
import { crm, marketing, sales } from './service.fixture.ts'

interface Bench {
  readonly broker: Broker
  /** A database of its own for a team, with its tables. */
  team(tables: string): Promise<{ readonly pool: Pool; readonly database: Database }>
  /** Starts a service, and has it stopped at the end. */
  run<Any extends Service>(service: Any): Promise<Any>
}

async function bench(context: TestContext): Promise<Bench> {
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  onTestFinished(() => broker.stop())
  return {
    broker,
    async team(tables) {
      const { url } = await emptyDatabase(context)
      const pool = openPool({ connectionString: url })
      onTestFinished(() => pool.end())
      const database = postgresDatabase({ pool })
      await database.start()
      await database.migrate({ name: 'own', migrations: [tables] })
      return { pool, database }
    },
    async run(service) {
      onTestFinished(() => service.stop())
      await service.start()
      return service
    },
  }
}

const silent = (): void => undefined
const customers = 'create table customers (id text primary key, email text not null, vip boolean)'
const orders = 'create table orders (id integer primary key, customer_id text not null)'

/** The team that owns customers. */
function crmService({ broker }: Bench, database: Database): Service<'crm'> {
  const service = createService({ contract: crm, broker, database, report: silent })
  service.owns(crm.customer, { table: 'customers' })
  return service
}

test('a change in one database is in the copy of another, with what is joined to it', async (context) => {
  const parts = await bench(context)
  const owner = await parts.team(customers)
  const reader = await parts.team(orders)
  const crmTeam = await parts.run(crmService(parts, owner.database))
  const salesTeam = createService({ contract: sales, broker: parts.broker, database: reader.database, report: silent })
  const copies = salesTeam.replicate(crm.customer, { columns: ['id', 'email', 'vip'] })
  await crmTeam.transaction(async (tx) => {
    await tx.query("insert into customers values ('c1', 'ann@example.org', true), ('c2', 'bob@example.org', null)")
    await tx.changed(crm.customer, 'c1')
    await tx.changed(crm.customer, 'c2')
  })
  await parts.run(salesTeam)
  await vi.waitFor(async () =>
    expect(await copies.get('c1')).toEqual({ id: 'c1', email: 'ann@example.org', vip: true }),
  )
  await crmTeam.transaction(async (tx) => {
    await tx.query("update customers set email = 'anna@example.org' where id = 'c1'")
    await tx.query("delete from customers where id = 'c2'")
    await tx.changed(crm.customer, 'c2')
    await tx.changed(crm.customer, 'c1')
  })
  await vi.waitFor(async () => expect(await copies.all()).toEqual([{ id: 'c1', email: 'anna@example.org', vip: true }]))
  await reader.pool.query("insert into orders values (1, 'c1')")
  const joined = await reader.pool.query(
    'select orders.id, copy.email from orders join crm_customer copy on copy.id = orders.customer_id',
  )
  expect(joined.rows).toEqual([{ id: 1, email: 'anna@example.org' }])
})

test('a transaction that was rolled back, or that a client of pg began, tells exactly what it committed', async (context) => {
  const parts = await bench(context)
  const { pool, database } = await parts.team(customers)
  const team = await parts.run(crmService(parts, database))
  const failed = team.transaction(async (tx) => {
    await tx.query("insert into customers values ('c0', 'nobody', null)")
    await tx.changed(crm.customer, 'c0')
    throw new Error('changed its mind')
  })
  await expect(failed).rejects.toThrow('changed its mind')
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query("insert into customers values ('c1', 'ann@example.org', null)")
    await team.join(client, (tx) => tx.changed(crm.customer, 'c1'))
    await client.query('commit')
  } finally {
    client.release()
  }
  const caller = { namespace: 'default', principal: 'anybody' }
  await vi.waitFor(async () => {
    const { events } = await parts.broker.latest(caller, { topic: 'crm.customer', limit: 10 })
    expect(events.map(({ event }) => event.key)).toEqual(['c1'])
  })
})

test('each effect of a handler happens once, although its connections are ended again and again', async (context) => {
  const parts = await bench(context)
  const source = await parts.team('create table nothing ()')
  const target = await parts.team('create table emails (order_id text)')
  const salesTeam = await parts.run(
    createService({ contract: sales, broker: parts.broker, database: source.database, report: silent }),
  )
  const team = createService({ contract: marketing, broker: parts.broker, database: target.database, report: silent })
  team.on('thank-buyer', sales.returned, { from: 'beginning', concurrency: 4 }, ({ event, transaction }) =>
    transaction((tx) => tx.query('insert into emails values ($1)', [event.data.orderId])),
  )
  await parts.run(team)
  const admin = await target.pool.connect()
  try {
    const wanted = Array.from({ length: 300 }, (_, index) => `o${String(index).padStart(3, '0')}`)
    const publishing = (async () => {
      for (const orderId of wanted) await salesTeam.transaction((tx) => tx.publish(sales.returned, { orderId }))
    })()
    let ended = 0
    const count = async (): Promise<number> =>
      Number((await admin.query('select count(distinct order_id) as count from emails')).rows[0].count)
    for (let handled = 0; handled < wanted.length;) {
      const { rowCount } = await admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
      )
      ended += rowCount ?? 0
      // By what was done and not by time: a machine that is slow gets as far between two ends as a fast one.
      const next = Math.min(wanted.length, handled + 5)
      while ((handled = await count()) < next) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await publishing
    expect(ended).toBeGreaterThan(0)
    const { rows } = await admin.query('select order_id from emails order by order_id')
    expect(rows.map((row) => row.order_id)).toEqual(wanted)
  } finally {
    admin.release()
  }
}, 120_000)
