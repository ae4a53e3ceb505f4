import type { PostgresTest } from '@tidings/tools/postgres'
import { allowAll, createBroker, type Broker, type PositionedEvent } from '../broker/index.ts'
import type { Database, DatabaseTransaction, SqlRow, Transaction } from '../database/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import type { Event } from '../event/index.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { createStore, type Store, type stores } from './store.fixture.ts'
import {
  createOutbox,
  type Listing,
  type Outbox,
  type OutboxAlarm,
  type OutboxOptions,
  type OwnedEntity,
} from './index.ts'

export const caller = { namespace: 'default', principal: 'crm' }
export const customers = 'crm.customer'
export const mails = 'crm.mail'

/** A service with a table of customers, its outbox, and a real broker in this process. */
export interface Bench {
  readonly environment: SimulatedEnvironment
  readonly broker: Broker
  readonly alarms: OutboxAlarm[]
  /** Methods of the broker that the processes get instead; a test puts some here to do damage. */
  readonly faults: Partial<Broker>
  readonly store: Store
  /** A process of the service: its own connection to the database and its own outbox, whose tables exist. */
  process(options?: ProcessOptions): Promise<ServiceProcess>
  /** Everything that the broker has of a topic, in order. */
  published(topic: string): Promise<readonly PositionedEvent[]>
  stop(): Promise<void>
}

export type ProcessOptions = Partial<Omit<OutboxOptions, 'environment'>> & { readonly busyTimeoutMs?: number }

export interface ServiceProcess {
  readonly database: Database
  readonly outbox: Outbox
  readonly customer: OwnedEntity
  /** Runs a transaction that changes customers (`null` deletes) and tells of it, and of mails. */
  write(changes: { customers?: Record<string, string | null>; mails?: readonly Mail[] }): Promise<void>
  /** Rounds of the relay until there is nothing to do at once. */
  relay(): Promise<void>
  /** Publishes every customer again. */
  relist(): Promise<unknown>
  kill(): Promise<void>
}

export interface Mail {
  readonly id: string
  readonly key?: string
  readonly text?: string
}

export async function createBench(
  test: PostgresTest,
  { kind = 'sqlite', seed = 1 }: { readonly kind?: (typeof stores)[number]; readonly seed?: number } = {},
): Promise<Bench> {
  const environment = simulatedEnvironment(seed)
  const store = await createStore(kind, test)
  const broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic: customers, kind: 'entity', owner: 'crm' })
  await broker.putTopic(caller, { topic: mails, kind: 'event', owner: 'crm' })
  const alarms: OutboxAlarm[] = []
  const faults: Partial<Broker> = {}
  const processes: ServiceProcess[] = []
  return {
    environment,
    broker,
    store,
    alarms,
    faults,
    async process(options = {}) {
      const onAlarm = (alarm: OutboxAlarm): unknown => alarms.push(alarm)
      const process = await openProcess(store, { environment, broker: withFaults(broker, faults), onAlarm, ...options })
      processes.push(process)
      return process
    },
    published: (topic) => readAll(broker, topic),
    async stop() {
      for (const process of processes) await process.kill()
      await broker.stop()
      await store.remove()
    },
  }
}

/** A broker with those of its methods replaced that are in `faults` at the time of the call. */
function withFaults(broker: Broker, faults: Partial<Broker>): Broker {
  return new Proxy(broker, { get: (target, name: keyof Broker) => (faults[name] ?? target[name]).bind(target) })
}

async function openProcess(
  store: Store,
  options: ProcessOptions & Pick<OutboxOptions, 'broker' | 'onAlarm'> & { readonly environment: SimulatedEnvironment },
): Promise<ServiceProcess> {
  const { database, close } = await store.open(options)
  const outbox = createOutbox({ database, caller, service: 'crm', topics: [customers, mails], ...options })
  await outbox.prepare()
  const customer = customerEntity(database, () => options.environment.ids.next())
  let killed = false
  return {
    database,
    outbox,
    customer,
    async write(changes) {
      await database.transaction((transaction) => writeAndTell(transaction, { database, outbox, customer }, changes))
    },
    async relay() {
      while ((await outbox.tick()).more);
    },
    relist: () => outbox.relist({ entity: customer, keysAfter: keysAfter(database) }),
    async kill() {
      if (killed) return
      killed = true
      await Promise.all([outbox.stop(), options.environment.advance(1_000)])
      await database.stop()
      await close()
    },
  }
}

export async function writeAndTell(
  transaction: DatabaseTransaction,
  { database, outbox, customer }: Pick<ServiceProcess, 'database' | 'outbox' | 'customer'>,
  changes: Parameters<ServiceProcess['write']>[0],
): Promise<void> {
  for (const [id, name] of Object.entries(changes.customers ?? {})) await change(transaction, database, id, name)
  await outbox.flush(transaction, {
    events: (changes.mails ?? []).map((mail) => ({ topic: mails, kind: 'event', event: mailEvent(mail) })),
    changes: Object.keys(changes.customers ?? {}).map((key) => ({ entity: customer, key })),
  })
}

/** Changes a customer in the table; `null` deletes it. */
export async function change(
  transaction: Transaction,
  { dialect }: Database,
  id: string,
  name: string | null,
): Promise<void> {
  const [first, second] = [dialect.placeholder(1), dialect.placeholder(2)]
  if (name === null) await transaction.query(`delete from customers where id = ${first}`, [id])
  else {
    await transaction.query(
      `insert into customers values (${first}, ${second}) on conflict (id) do update set name = excluded.name`,
      [id, name],
    )
  }
}

export function customerEntity({ dialect }: Database, nextId: () => string): OwnedEntity {
  return {
    topic: customers,
    async readRow(transaction, key) {
      const [row] = await transaction.query(`select id, name from customers where id = ${dialect.placeholder(1)}`, [
        key,
      ])
      return row
    },
    eventFor: (change) => ({
      id: nextId(),
      source: '/crm',
      type: `${customers}.${change.change}`,
      key: change.key,
      ...(change.change !== 'deleted' && { data: json(change.row) }),
    }),
  }
}

function keysAfter({ dialect }: Database): Listing['keysAfter'] {
  const text = `select id from customers where id > ${dialect.placeholder(1)} order by id limit ${dialect.placeholder(2)}`
  return async (transaction, after, limit) => {
    const rows = await transaction.query<{ id: string }>(text, [after ?? '', limit])
    return rows.map(({ id }) => id)
  }
}

export function mailEvent({ id, key, text = '' }: Mail): Event {
  return { id, source: '/crm', type: mails, ...(key !== undefined && { key }), data: json({ text }) }
}

function json(value: SqlRow): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

export async function readAll(broker: Broker, topic: string): Promise<PositionedEvent[]> {
  const events: PositionedEvent[] = []
  for (let after: string | undefined, more = true; more;) {
    const page = await broker.read(caller, { topic, limit: 1_000, ...(after !== undefined && { after }) })
    events.push(...page.events)
    more = page.until !== after && page.until !== page.head
    after = page.until
  }
  return events
}

/** The newest event of each customer as a copy would have it: its name, without those that are deleted. */
export async function copyOf(broker: Broker): Promise<Record<string, string>> {
  const { events } = await broker.latest(caller, { topic: customers, limit: 1_000 })
  const present = events.filter(({ event }) => !event.type.endsWith('.deleted'))
  return Object.fromEntries(
    present.map(({ event }) => [event.key!, JSON.parse(new TextDecoder().decode(event.data)).name]),
  )
}

/** Waits, in real time, for something that happens once a real database has answered. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}

export function ids(events: readonly PositionedEvent[]): string[] {
  return events.map(({ event }) => event.id)
}
