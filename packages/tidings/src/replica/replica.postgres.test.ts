import { Pool, type PoolClient } from 'pg'
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import { postgresDatabase } from '../databases/postgres/index.ts'
import { onPostgres, type PostgresBench } from '../testing/databases.fixture.ts'
import { replicaBench, type ReplicaBench } from './replica.fixture.ts'

const { customer } = defineContract('crm', {
  customer: defineEntity({
    key: 'id',
    schema: z.object({ id: z.string(), status: z.string(), total: z.number().optional() }),
  }),
})
let opened: PostgresBench
let pool: Pool
let bench: ReplicaBench

beforeEach(async (context) => {
  opened = await onPostgres(context)
  pool = opened.pool
  bench = await replicaBench(customer, opened)
})
afterEach(() => bench.stop())

const state = (id: string, status: string) => ({ id, status })
const statuses = async (through: Pick<PoolClient, 'query'> = pool) =>
  (await through.query('select id, status from crm_customer order by id')).rows as unknown

/** A role that may do nothing but connect; it goes with the test. */
async function ordinaryRole(context: TestContext, name: string): Promise<{ role: string; connect: () => Pool }> {
  const role = `${name}_${process.pid}`
  await pool.query(`create role ${role} login`)
  context.onTestFinished(async () => void (await pool.query(`drop owned by ${role}; drop role ${role}`)))
  const url = Object.assign(new URL(opened.url), { username: role }).href
  const connect = (): Pool => {
    const connected = new Pool({ connectionString: url })
    context.onTestFinished(() => connected.end())
    return connected
  }
  return { role, connect }
}

/** Has the replica, complete already, rebuilt with one column less, up to the switch. */
async function rebuild() {
  await bench.start({ columns: ['status', 'total'] })
  await bench.environment.advance(10)
  await bench.stop()
  return () => bench.start({ columns: ['status'] })
}

const messages = () => bench.notices.map(({ message }) => message)

describe('the columns of a replica', () => {
  it('hold whatever comes, and are joined and cast as one does it in SQL', async () => {
    const states = [
      { id: '9223372036854775807', status: 'a\0b', total: 1.5 },
      { id: '1e3', status: '{"not": "parsed"}', total: -1.25 },
      { id: '"quoted" ключ 🔑', status: 'half \ud800', total: 12 },
      { id: '-0', status: '', total: 1e300 },
    ]
    await bench.publish(...states)
    const customers = await bench.start({ columns: ['status', 'total'] })
    await bench.environment.advance(10)
    for (const each of states) expect(await customers.get(each.id)).toEqual(each)
    expect(await customers.all()).toHaveLength(states.length)

    await pool.query(`create table visit (customer_id bigint); insert into visit values (9223372036854775807)`)
    const { rows } = await pool.query(
      `select status, total::numeric * 2 as twice from visit join crm_customer on id = customer_id::text`,
    )
    expect(rows).toEqual([{ status: '"a\\u0000b"', twice: '3.0' }])
    await bench.publish(...states.map(({ id }) => id))
    await bench.environment.advance(10)
    expect(await customers.all()).toEqual([])
  })

  it('find a key by the number or by the text that spells it', async () => {
    const { item } = defineContract('shop', {
      item: defineEntity({ key: 'sku', schema: z.object({ sku: z.int(), sold: z.boolean() }) }),
    })
    const shop = await replicaBench(item, opened)
    await shop.publish({ sku: 7, sold: true }, { sku: 8, sold: false })
    const items = await shop.start({ columns: ['sold'] })
    await shop.environment.advance(10)
    expect(await items.get(7)).toEqual({ sku: 7, sold: true })
    expect(await items.get('8')).toEqual({ sku: 8, sold: false })
    expect((await pool.query('select sku from shop_item where sold::boolean')).rows).toEqual([{ sku: '7' }])
    await shop.stop()
  })

  it.each([
    ['its table', { columns: ['status'], table: 'x'.repeat(60) }, 'x'.repeat(60)],
    ['a column', { columns: ['x'.repeat(64)] }, 'x'.repeat(64)],
    ['a column without a name', { columns: [''] }, '""'],
  ])('are refused where the server would cut or refuse the name of %s', async (_, options, name) => {
    await expect(bench.start(options)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining(name),
    })
  })
})

describe('the table of a replica', () => {
  it.each(['insert into', 'update', 'delete from', 'truncate', 'copy'])('refuses "%s" of everybody', async (verb) => {
    await bench.publish(state('c1', 'active'))
    await bench.start({ columns: ['status'] })
    await bench.environment.advance(10)
    const rest = {
      'insert into': ` (id, tidings_version) values ('c2', '')`,
      update: ` set status = 'lost'`,
      copy: ` from program 'echo'`,
    }
    const write = `${verb} crm_customer${rest[verb as keyof typeof rest] ?? ''}`
    await expect(pool.query(write)).rejects.toThrow('this table is a replica: its rows belong to another service')
    expect(await statuses()).toEqual([state('c1', 'active')])
  })

  it('gives no role the right to write, whatever new tables give by default, and keeps those who may read', async (context) => {
    const { role, connect } = await ordinaryRole(context, 'analyst')
    await pool.query(
      `alter default privileges grant all on tables to ${role}; alter default privileges grant insert on tables to public`,
    )
    await bench.publish(state('c1', 'active'))
    const start = await rebuild()
    const rights = async () =>
      (
        await pool.query(
          `select privilege_type, grantee::regrole::text from pg_class, aclexplode(relacl) where relname = 'crm_customer' and grantee <> relowner`,
        )
      ).rows
    expect(await rights()).toEqual([{ privilege_type: 'SELECT', grantee: role }])
    await pool.query(`alter default privileges revoke all on tables from ${role}`)
    await start()
    await bench.environment.advance(100)
    expect(await rights()).toEqual([{ privilege_type: 'SELECT', grantee: role }])
    expect(await statuses(connect())).toEqual([state('c1', 'active')])
  })

  it('is made by an ordinary role that may create tables in its schema and in that of the kit', async (context) => {
    const { role, connect } = await ordinaryRole(context, 'marketing')
    await pool.query(`create schema tidings authorization ${role}; grant create on schema public to ${role}`)
    const ordinary = postgresDatabase({ pool: connect(), environment: opened.environment })
    await ordinary.start()
    await bench.publish(state('c1', 'active'))
    const customers = await bench.start({ columns: ['status'] }, { database: ordinary })
    await eventually(async () => customers.status().state === 'ready')
    expect(await statuses()).toEqual([state('c1', 'active')])
    await bench.stop()
    await bench.start({ columns: ['status', 'total'] }, { database: ordinary })
    await eventually(async () => messages().filter((message) => message.includes('is complete')).length === 2)
    expect(await statuses()).toEqual([state('c1', 'active')])
  })

  it.each([
    'create view crm_customer as select 1',
    'create sequence crm_customer',
    'create type crm_customer as enum ()',
  ])('is never put where something stands: %s', async (other) => {
    await pool.query(other)
    await expect(bench.start({ columns: ['status'] })).rejects.toMatchObject({ code: 'replica-conflict' })
  })
})

describe('the switch to a rebuilt copy', () => {
  it('waits for those who read, holds up nobody meanwhile, and goes on applying', async () => {
    await bench.publish(state('c1', 'active'))
    const start = await rebuild()
    const reader = await pool.connect()
    await reader.query('begin')
    expect(await statuses(reader)).toEqual([state('c1', 'active')])

    const customers = await start()
    await bench.environment.advance(100)
    await bench.publish(state('c1', 'lost'), state('c2', 'active'))
    await bench.environment.advance(5_000)
    expect(customers.status().state).toBe('rebuilding')
    const present = [state('c1', 'lost'), state('c2', 'active')]
    expect(await statuses(reader)).toEqual(present)
    expect(await statuses()).toEqual(present)
    expect((await reader.query('select total from crm_customer')).rows).toHaveLength(2)
    expect(messages().filter((message) => message.includes('as soon as nobody reads'))).toHaveLength(1)

    await reader.query('commit')
    reader.release()
    await bench.environment.advance(5_000)
    expect(customers.status().state).toBe('ready')
    expect(await statuses()).toEqual(present)
    await expect(pool.query('select total from crm_customer')).rejects.toThrow('column "total" does not exist')
  })

  it('shows those who read all the time the old copy or the new one, and never an error', async () => {
    await bench.publish(state('c1', 'active'), state('c2', 'active'))
    const start = await rebuild()
    let reading = true
    const read = async (): Promise<void> => {
      while (reading) expect(await statuses()).toEqual([state('c1', 'active'), state('c2', 'active')])
    }
    const readers = [read(), read(), read()]
    const customers = await start()
    for (let step = 0; step < 200 && customers.status().state !== 'ready'; step++) await bench.environment.advance(100)
    reading = false
    await Promise.all(readers)
    expect(customers.status().state).toBe('ready')
  })

  it('says what is in its way, goes on with the old copy, and follows when that is gone', async () => {
    await bench.publish(state('c1', 'active'))
    const start = await rebuild()
    await pool.query('create view active as select id, total from crm_customer')
    const customers = await start()
    await bench.publish(state('c1', 'lost'))
    await bench.environment.advance(1_000)
    expect(customers.status().state).toBe('rebuilding')
    expect(await statuses()).toEqual([state('c1', 'lost')])
    expect(messages()).toContainEqual(expect.stringMatching(/could not be rebuilt.*other objects depend on it/))
    await pool.query('drop view active')
    await bench.environment.advance(5_000)
    expect(customers.status().state).toBe('ready')
  })
})

describe('two processes of a service', () => {
  it.each(['read committed', 'serializable'])(
    'apply the same listing and changes at once, at %s',
    async (isolation) => {
      const settings = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
      const databases = [await opened.connect(settings), await opened.connect(settings)]
      await bench.publish(...Array.from({ length: 20 }, (_, index) => state(`c${index}`, 'v1')))
      const replicas = await Promise.all(
        databases.map((each) => bench.start({ columns: ['status'] }, { database: each })),
      )
      await bench.publish(
        ...Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? `c${index}` : state(`c${index}`, 'v2'))),
      )
      // Those who were in each other's way try again after a while.
      const isReady = (): boolean => replicas.every((replica) => replica.status().state === 'ready')
      await bench.environment.advance(5_000)
      for (let round = 0; round < 11 && !isReady(); round++) await bench.environment.advance(5_000)
      for (const replica of replicas) {
        expect(replica.status().state).toBe('ready')
        expect(await replica.all()).toHaveLength(10)
      }
      expect(bench.notices.filter(({ level }) => level !== 'info').map(({ message }) => message)).toEqual([])
    },
  )
})

describe('a replica whose database', () => {
  it('ends its connections goes on where it was', async () => {
    const customers = await bench.start({ columns: ['status'] })
    await bench.environment.advance(10)
    for (const status of ['v1', 'v2', 'v3']) {
      await pool.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
      )
      await bench.publish(state('c1', status))
      await bench.environment.advance(5_000)
      expect(await customers.get('c1')).toEqual(state('c1', status))
    }
    expect(customers.status().state).toBe('ready')
  })

  it('is set back while it is in use is copied anew', async () => {
    const customers = await bench.start({ columns: ['status'] })
    await bench.environment.advance(10)
    await bench.publish(state('c1', 'v1'))
    await bench.environment.advance(10)
    await pool.query('update tidings.replicas set counter = 0')
    await bench.publish(state('c1', 'v2'))
    await bench.environment.advance(5_000)
    expect(messages()).toContainEqual(expect.stringContaining('the database was restored to an older state'))
    expect(customers.status().state).toBe('ready')
    expect(await statuses()).toEqual([state('c1', 'v2')])
  })
})

/** Time moves on, for a database that the simulation does not wait for. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await bench.environment.advance(10)
}
