import { postgresDatabase } from '@tidings/tools/postgres'
import { Client, Pool, type QueryConfig } from 'pg'
import { expect, type TestContext } from 'vitest'
import { allowAll, createBroker, type Broker, type PositionedEvent } from '../broker/index.ts'
import { defineContract, defineEntity, type Entity, type StandardSchemaV1 } from '../contract/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { compareVersions, versionOf } from '../event/index.ts'
import { captureTable, type Capture, type CaptureAlarm, type CaptureOptions, type CapturePool } from './index.ts'

export const caller = { namespace: 'default', principal: 'crm' }

interface Identified {
  readonly id: string | number
}

/** Lets everything through; what a capture sends is never read as a value. */
const identified: StandardSchemaV1<Identified, Identified> = {
  '~standard': { version: 1, vendor: 'tidings', validate: (value) => ({ value: value as Identified }) },
}

export const crm = defineContract('crm', { customer: defineEntity({ key: 'id', schema: identified }) })

/** A database with tables of somebody else, an ordinary role that captures, and a real broker in this process. */
export interface Bench {
  /** The owner of the tables. */
  readonly owner: Pool
  readonly role: string
  /** The database as the capturing role has it. */
  readonly url: string
  /** What the slot and the publication of its captures are called: all databases of a server share the names of slots. */
  readonly slot: string
  /** The capture's own way to it. */
  readonly pool: Pool
  readonly broker: Broker
  readonly alarms: CaptureAlarm[]
  /** Methods of the broker that captures get instead; a test puts some here to do damage. */
  readonly faults: Partial<Broker>
  /** A capture by the role, not started. */
  capture(options?: Partial<CaptureOptions>): Capture
  /** Replaces the broker by an empty one. */
  wipe(): Promise<void>
}

export interface BenchTables {
  /** Statements that create the table `customer`; one with an id and a name where nothing is said. */
  readonly tables?: string
  /** `false` where the test sees to the publication. */
  readonly published?: boolean
}

const plainTable = 'create table customer (id integer primary key, name text)'

let roles = 0

export async function captureBench(context: TestContext, tables: BenchTables = {}): Promise<Bench> {
  const bench = await benchOn(context, (await postgresDatabase(context)).url, tables)
  const { owner, role } = bench
  // The server outlives the test, and with it slots and roles. A database that has a slot cannot be dropped.
  context.onTestFinished(async () => {
    await dropSlots(owner)
    await owner.query(`drop owned by ${role}; drop role ${role}`)
  })
  return bench
}

/** The same in a database that is the test's own to damage. */
export async function benchOn(
  context: TestContext,
  url: string,
  { tables = plainTable, published = true }: BenchTables = {},
): Promise<Bench> {
  const owner = poolOf(context, url)
  const name = new URL(url).pathname.slice(1)
  const slot = `tidings_${name}`
  const role = `capturing_${process.pid}_${++roles}`
  await owner.query(`create role ${role} login replication; create schema tidings authorization ${role}; ${tables}`)
  await owner.query(`grant select on all tables in schema public to ${role}`)
  if (published) await publish(owner, slot)
  const ordinary = new URL(url)
  ordinary.username = role
  const pool = poolOf(context, ordinary.href)
  let present = await emptyBroker(context)
  const alarms: CaptureAlarm[] = []
  const faults: Partial<Broker> = {}
  const broker = new Proxy({} as Broker, { get: (_, name: keyof Broker) => present[name].bind(present) })
  const faulty = new Proxy(broker, { get: (target, name: keyof Broker) => faults[name] ?? target[name] })
  return {
    owner,
    role,
    url: ordinary.href,
    slot,
    pool,
    broker,
    alarms,
    faults,
    capture(options = {}) {
      const capture = captureTable({
        pool,
        replication: () => new Client({ connectionString: ordinary.href, replication: 'database' } as object),
        broker: faulty,
        entity: crm.customer,
        name,
        table: 'customer',
        onAlarm: (alarm) => alarms.push(alarm),
        heartbeatMs: 200,
        ...options,
      })
      context.onTestFinished(() => capture.stop())
      return capture
    },
    async wipe() {
      present = await emptyBroker(context)
    },
  }
}

function poolOf(context: TestContext, url: string): Pool {
  const pool = new Pool({ connectionString: url })
  // A connection that is ended under an idle pool is the pool's to report, and the test's to expect.
  pool.on('error', () => undefined)
  context.onTestFinished(() => pool.end())
  return pool
}

async function emptyBroker(context: TestContext): Promise<Broker> {
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll, maxPayloadBytes: 100_000 })
  await broker.start()
  context.onTestFinished(() => broker.stop())
  return broker
}

/** Also those whose reader has gone and that the server believes to be read: it may notice late. */
export async function dropSlots(owner: Pool): Promise<void> {
  const slots = 'pg_replication_slots where database = current_database()'
  for (;;) {
    await owner.query(`select pg_terminate_backend(active_pid) from ${slots} and active`)
    const drop = owner.query(`select pg_drop_replication_slot(slot_name) from ${slots}`)
    if (
      await drop.then(
        () => true,
        () => false,
      )
    )
      return
  }
}

/** A pool whose statements a test is told of before they run. */
export function hooked(pool: Pool, before: (text: string) => Promise<void>): CapturePool {
  return {
    async connect() {
      const client = await pool.connect()
      return {
        async query(query) {
          await before(query.text)
          return client.query(query as QueryConfig)
        },
        release: (destroy) => client.release(destroy),
        on: (event, listener) => client.on(event, listener),
        off: (event, listener) => client.off(event, listener),
      }
    },
  }
}

/** Lets the owner create the publication, as somebody has to where the role may not. */
export async function publish(owner: Pool, name: string): Promise<void> {
  await owner.query(`create publication ${name} for table customer`)
}

/** The main number of the server's version. */
export async function serverVersion(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ version: number }>(
    "select current_setting('server_version_num')::integer / 10000 as version",
  )
  return rows[0]!.version
}

/** Resolves when the table was published completely. */
export async function listed(capture: Capture): Promise<void> {
  await expect.poll(async () => (await capture.stats()).listing, { timeout: 20_000, interval: 20 }).toBe(false)
}

/** What the newest events of all keys say: the state of each entity that is not deleted, by key. */
export async function latestOf(broker: Broker, entity: Entity = crm.customer): Promise<Record<string, unknown>> {
  const states: Record<string, unknown> = {}
  for (let cursor: string | undefined, more = true; more;) {
    const page = await broker.latest(caller, { topic: entity.topic, limit: 1_000, ...(cursor && { cursor }) })
    for (const { event } of page.events) {
      if (event.type !== entity.deleted.type) states[event.key!] = JSON.parse(textOf(event.data))
    }
    cursor = page.next
    more = cursor !== undefined
  }
  return states
}

/** Resolves when the newest events are these states. */
export async function expectLatest(broker: Broker, states: Record<string, unknown>): Promise<void> {
  await expect.poll(() => latestOf(broker), { timeout: 20_000, interval: 20 }).toEqual(states)
}

/** Every event of a topic, in order. */
export async function allEvents(broker: Broker, topic = crm.customer.topic): Promise<PositionedEvent[]> {
  const events: PositionedEvent[] = []
  for (let after: string | undefined, more = true; more;) {
    const page = await broker.read(caller, { topic, limit: 1_000, ...(after !== undefined && { after }) })
    events.push(...page.events)
    more = page.until !== after && page.until !== page.head
    after = page.until
  }
  return events
}

/** The events that readers are handed: those that are newer than everything before of their key. */
export function delivered(events: readonly PositionedEvent[]): PositionedEvent[] {
  const newest = new Map<string, ReturnType<typeof versionOf>>()
  return events.filter(({ event }, place) => {
    const version = versionOf(event, place)
    const before = newest.get(event.key!)
    if (before && compareVersions(version, before) <= 0) return false
    newest.set(event.key!, version)
    return true
  })
}

/** `created 1 {"id":1,"name":"Ann"}`: what happened, in short. */
export function inShort(events: readonly PositionedEvent[]): string[] {
  return events.map(({ event }) => `${event.type.split('.').at(-1)} ${event.key} ${textOf(event.data)}`)
}

export function textOf(data: Uint8Array | undefined): string {
  return new TextDecoder().decode(data)
}
