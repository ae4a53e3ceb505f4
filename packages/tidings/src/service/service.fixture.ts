import Libsql from 'libsql'
import { z } from 'zod'
import { createBroker, ownersOnly, type Broker } from '../broker/index.ts'
import type { Notice } from '../consumer/index.ts'
import { defineContract, defineEntity, defineEvent, defineTask } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import type { Service } from './index.ts'

export const crm = defineContract('crm', {
  customer: defineEntity({
    key: 'id',
    schema: z.object({ id: z.string(), email: z.string(), vip: z.boolean().optional() }),
  }),
})
export const sales = defineContract('sales', {
  order: defineEntity({ key: 'id', schema: z.object({ id: z.string(), customerId: z.string() }) }),
  returned: defineEvent({ key: 'orderId', schema: z.object({ orderId: z.string() }) }),
})
export const marketing = defineContract('marketing', {
  emailSent: defineEvent({ schema: z.object({ orderId: z.string() }), key: 'orderId' }),
  sendLetter: defineTask({ schema: z.object({ to: z.string() }) }),
})

export interface ServiceBench {
  readonly environment: SimulatedEnvironment
  readonly broker: Broker
  readonly notices: Notice[]
  readonly report: (notice: Notice) => void
  /** A database in memory, or in a file. */
  database(file?: string): Database
  /** Has the service stopped at the end. */
  use<Any extends Service>(service: Any): Any
  /** The payloads of a topic. */
  payloads(topic: string): Promise<unknown[]>
  stop(): Promise<void>
}

/** A broker in simulated time on which only owners publish, and databases for services on it. */
export async function serviceBench(): Promise<ServiceBench> {
  const environment = simulatedEnvironment()
  const broker = createBroker({
    engine: memoryEngine({ environment }),
    authorize: ownersOnly({ operators: ['operator'] }),
    environment,
  })
  await broker.start()
  const notices: Notice[] = []
  const services: Service[] = []
  const operator = { namespace: 'default', principal: 'operator' }
  return {
    environment,
    broker,
    notices,
    report: (notice) => void notices.push(notice),
    database: (file = ':memory:') =>
      sqliteDatabase({ client: new Libsql(file), allowVolatile: file === ':memory:', environment }),
    use(service) {
      services.push(service)
      return service
    },
    async payloads(topic) {
      const { events } = await broker.read(operator, { topic, limit: 1_000 })
      return events.map(({ event }) => JSON.parse(new TextDecoder().decode(event.data)) as unknown)
    },
    async stop() {
      const stopped = Promise.all(services.map((service) => service.stop()))
      await environment.advance(12_000)
      await stopped
      await broker.stop()
    },
  }
}

/** Starts a database of marketing with a table for emails, and makes the topic of the returns that they answer. */
export async function emailsDatabase(bench: ServiceBench, database = bench.database()): Promise<Database> {
  await database.start()
  await database.migrate({ name: 'marketing', migrations: ['create table emails (order_id text)'] })
  const asSales = { namespace: 'default', principal: 'sales' }
  await bench.broker.putTopic(asSales, { topic: 'sales.returned', kind: 'event', owner: 'sales' })
  return database
}

/** The orders for which there are emails. */
export async function emailsIn(database: Database): Promise<unknown[]> {
  return (await database.query('select order_id from emails order by order_id')).map((row) => row['order_id'])
}

/** How many deliveries its inbox remembers. */
export async function inboxRowsIn(database: Database): Promise<number> {
  return (await database.query('select * from tidings_inbox')).length
}
