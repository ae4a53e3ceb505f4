import { afterEach, beforeEach, expect, it } from 'vitest'
import { createService, waitFor } from './index.ts'
import { crm, marketing, sales, serviceBench, type ServiceBench } from './service.fixture.ts'

let bench: ServiceBench

beforeEach(async () => {
  bench = await serviceBench()
})
afterEach(() => bench.stop())

it('carries a change from its owner to a copy, and an order to an email, once', async () => {
  const { broker, environment, report } = bench
  const crmDatabase = bench.database()
  const salesDatabase = bench.database()
  const marketingDatabase = bench.database()
  const crmService = bench.use(createService({ contract: crm, broker, database: crmDatabase, environment, report }))
  crmService.owns(crm.customer, { table: 'customers' })
  const salesService = bench.use(
    createService({ contract: sales, broker, database: salesDatabase, environment, report }),
  )
  salesService.owns(sales.order, { table: 'orders' })

  const service = bench.use(
    createService({ contract: marketing, broker, database: marketingDatabase, environment, report }),
  )
  const customers = service.replicate(crm.customer, { columns: ['id', 'email'], freshness: '1m' })
  const mails: { to: string; idempotencyKey: string }[] = []
  service.on(
    'thank-buyer',
    sales.order.created,
    { from: 'end', concurrency: 10 },
    async ({ event, idempotencyKey, transaction }) => {
      const buyer = (await customers.get(event.data.customerId)) ?? waitFor(crm.customer, event.data.customerId)
      mails.push({ to: buyer.email, idempotencyKey })
      await transaction(async (tx) => {
        await tx.query('insert into emails (order_id) values (?)', [event.data.id])
        await tx.publish(marketing.emailSent, { orderId: event.data.id })
      })
    },
  )
  await service.start()
  await marketingDatabase.migrate({ name: 'marketing', migrations: ['create table emails (order_id text)'] })
  await crmService.start()
  await crmDatabase.migrate({
    name: 'crm',
    migrations: ['create table customers (id text primary key, email text, vip integer)'],
  })
  await salesService.start()
  await salesDatabase.migrate({
    name: 'sales',
    migrations: ['create table orders (id text primary key, "customerId" text)'],
  })

  await salesService.transaction(async (tx) => {
    await tx.query('insert into orders values (?, ?)', ['o1', 'c1'])
    await tx.changed(sales.order, 'o1')
  })
  await environment.advance(5_000)
  expect(mails).toEqual([])
  await crmService.transaction(async (tx) => {
    await tx.query('insert into customers values (?, ?, 1)', ['c1', 'c1@example.com'])
    await tx.changed(crm.customer, 'c1')
  })
  await environment.advance(5_000)
  expect(mails).toEqual([
    { to: 'c1@example.com', idempotencyKey: 'marketing.thank-buyer/sales/' + mails[0]?.idempotencyKey.split('/')[2] },
  ])
  expect(await marketingDatabase.query('select * from emails')).toEqual([{ order_id: 'o1' }])
  expect(await bench.payloads('marketing.email-sent')).toEqual([{ orderId: 'o1' }])
  expect(await bench.payloads('crm.customer')).toEqual([{ id: 'c1', email: 'c1@example.com', vip: true }])
  expect(bench.notices.filter(({ level }) => level === 'error')).toEqual([])
})
