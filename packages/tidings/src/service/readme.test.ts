import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Database } from '../database/index.ts'
import { createService, waitFor, type Service } from './index.ts'
import { crm, marketing, sales, serviceBench, type ServiceBench } from './service.fixture.ts'

let bench: ServiceBench
const mails: { to: string; idempotencyKey: string }[] = []
const mail = {
  send: async (to: string, { idempotencyKey }: { idempotencyKey: string }) => void mails.push({ to, idempotencyKey }),
}

beforeEach(async () => {
  bench = await serviceBench()
  mails.length = 0
})
afterEach(() => bench.stop())

async function start(service: Service, database: Database, table: string): Promise<void> {
  bench.use(service)
  await service.start()
  await database.migrate({ name: service.name, migrations: [`create table ${table}`] })
}

async function startCrm() {
  const database = bench.database()
  const service = createService({ contract: crm, ...bench, database })
  service.owns(crm.customer, { table: 'customers' })
  await start(service, database, 'customers (id text primary key, email text, vip integer)')
  return service
}

async function startSales() {
  const database = bench.database()
  const service = createService({ contract: sales, ...bench, database })
  service.owns(sales.order, { table: 'orders' })
  await start(service, database, 'orders (id text primary key, "customerId" text)')
  return service
}

async function startMarketing(): Promise<Database> {
  const database = bench.database()
  const service = createService({ contract: marketing, ...bench, database })
  const customers = service.replicate(crm.customer, { columns: ['id', 'email'], freshness: '1m' })

  service.on(
    'thank-buyer',
    sales.order.created,
    { from: 'end', concurrency: 10 },
    async ({ event, idempotencyKey, transaction }) => {
      const buyer = (await customers.get(event.data.customerId)) ?? waitFor(crm.customer, event.data.customerId)
      await mail.send(buyer.email, { idempotencyKey })
      await transaction(async (tx) => {
        await tx.query('insert into emails (order_id) values (?)', [event.data.id])
        await tx.publish(marketing.emailSent, { orderId: event.data.id })
      })
    },
  )
  await start(service, database, 'emails (order_id text)')
  return database
}

it('carries a change from its owner to a copy, and an order to an email, once', async () => {
  const database = await startMarketing()
  const crmService = await startCrm()
  const salesService = await startSales()
  await salesService.transaction(async (tx) => {
    await tx.query('insert into orders values (?, ?)', ['o1', 'c1'])
    await tx.changed(sales.order, 'o1')
  })
  await bench.environment.advance(5_000)
  expect(mails).toEqual([])
  await crmService.transaction(async (tx) => {
    await tx.query('insert into customers values (?, ?, 1)', ['c1', 'c1@example.com'])
    await tx.changed(crm.customer, 'c1')
  })
  await bench.environment.advance(5_000)
  expect(mails).toEqual([
    { to: 'c1@example.com', idempotencyKey: expect.stringMatching(/^marketing\.thank-buyer\/sales\/.+/) },
  ])
  expect(await database.query('select * from emails')).toEqual([{ order_id: 'o1' }])
  expect(await bench.payloads('marketing.email-sent')).toEqual([{ orderId: 'o1' }])
  expect(await bench.payloads('crm.customer')).toEqual([{ id: 'c1', email: 'c1@example.com', vip: true }])
  expect(bench.notices.filter(({ level }) => level === 'error')).toEqual([])
})
