import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect } from '../client/index.ts'
import { defineContract } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { TerminalError } from '../errors.ts'
import { createService, waitFor } from '../service/index.ts'
import { crm, marketing, sales } from '../service/service.fixture.ts'
import { mulberry32, testBench, type TestBench } from './index.ts'

let database: Database
let bench: TestBench
const mails: string[] = []
const operator = { namespace: 'default', principal: 'operator' }

beforeEach(async () => {
  mails.length = 0
  database = sqliteDatabase({ client: new Libsql(':memory:'), allowVolatile: true })
  await database.start()
  await database.migrate({ name: 'marketing', migrations: ['create table emails (order_id text)'] })
})
afterEach(() => bench.stop())

function marketingService(fail: (orderId: string) => void = () => undefined) {
  const service = createService({
    contract: marketing,
    broker: connect('http://127.0.0.1:1'),
    database,
    report: () => {},
  })
  const customers = service.replicate(crm.customer, { columns: ['id', 'email'] })
  service.on('thank-buyer', sales.order.created, { from: 'end' }, async ({ event, idempotencyKey, transaction }) => {
    const buyer = (await customers.get(event.data.customerId)) ?? waitFor(crm.customer, event.data.customerId)
    mails.push(`${buyer.email} ${idempotencyKey}`)
    fail(event.data.id)
    await transaction(async (tx) => {
      await tx.query('insert into emails (order_id) values (?)', [event.data.id])
      await tx.publish(marketing.emailSent, { orderId: event.data.id })
    })
  })
  return service
}

const emails = () => database.query('select order_id from emails')

describe('a test bench', () => {
  it.each([
    ['before-handler', 1],
    ['before-commit', 2],
    ['after-commit', 1],
  ] as const)('shows that a crash %s has every effect in the database once', async (point, calls) => {
    bench = await testBench(marketingService())
    await bench.publish(crm.customer.created, { id: 'c1', email: 'c1@example.com' })
    await bench.publish(sales.order.created, { id: 'o1', customerId: 'c1' })
    await bench.crashAt(point)
    await bench.settled()
    expect(bench.published(marketing.emailSent).map(({ data }) => data.orderId)).toEqual(['o1'])
    expect(await emails()).toEqual([{ order_id: 'o1' }])
    expect(mails).toHaveLength(calls)
    expect(new Set(mails).size).toBe(1)
  })

  it.each([1, 2, 3, 4])('has every effect once through a history of crashes (seed %i)', async (seed) => {
    const random = mulberry32(seed)
    const points = ['before-handler', 'before-commit', 'after-commit'] as const
    bench = await testBench(marketingService(), { seed })
    const orders: string[] = []
    while (orders.length < 40) {
      const count = 1 + Math.floor(random() * 6)
      for (let index = 0; index < count; index++) {
        const order = `o${orders.length + 10}`
        const customer = `c${Math.floor(random() * 5)}`
        if (random() < 0.5)
          await bench.publish(crm.customer.updated, { id: customer, email: `${customer}@example.com` })
        await bench.publish(sales.order.created, { id: order, customerId: customer })
        if (random() < 0.3)
          await bench.publish(sales.order.created, { id: order, customerId: customer }, { id: `again-${order}` })
        orders.push(order)
      }
      const point = points[Math.floor(random() * points.length)]
      if (point) await bench.crashAt(point)
    }
    for (let id = 0; id < 5; id++)
      await bench.publish(crm.customer.updated, { id: `c${id}`, email: `c${id}@example.com` })
    await bench.settled()
    const sent = bench.published(marketing.emailSent).map(({ extensions }) => String(extensions['causationid']))
    expect(new Set(sent).size).toBe(sent.length)
    expect(sent).toHaveLength((await emails()).length)
    expect(new Set((await emails()).map((row) => row['order_id']))).toEqual(new Set(orders))
    expect(await bench.deadLetters()).toEqual([])
  })

  it('runs handlers only when it is asked to, and a handler that waits when its row comes', async () => {
    bench = await testBench(marketingService())
    await bench.publish(sales.order.created, { id: 'o1', customerId: 'c1' })
    await expect(bench.settled({ withinMs: 30_000 })).rejects.toThrow('a handler waits for crm.customer c1')
    await bench.publish(crm.customer.created, { id: 'c1', email: 'c1@example.com' })
    await bench.settled()
    expect(await emails()).toEqual([{ order_id: 'o1' }])
  })

  it('says why it does not settle, and what was given up', async () => {
    let broken = true
    bench = await testBench(
      marketingService(() => {
        if (broken) throw new Error('the mail server is down')
      }),
    )
    await bench.publish(crm.customer.created, { id: 'c1', email: 'c1@example.com' })
    await bench.publish(sales.order.created, { id: 'o1', customerId: 'c1' })
    await expect(bench.settled({ withinMs: 3_000 })).rejects.toThrow(
      'marketing.thank-buyer has 1 events to handle (Error: the mail server is down)',
    )
    broken = false
    await bench.settled()
    expect(await bench.deadLetters()).toEqual([])
    await expect(bench.crashAt('after-commit')).rejects.toThrow(
      'No handler reached "after-commit": there was nothing to handle.',
    )
  })

  it('is settled in spite of what waits behind a dead letter, and lists that dead letter', async () => {
    bench = await testBench(
      marketingService((id) => {
        if (id === 'bad') throw new TerminalError('nobody lives there')
      }),
    )
    await bench.publish(crm.customer.created, { id: 'c1', email: 'c1@example.com' })
    for (const id of ['bad', 'bad', 'good']) await bench.publish(sales.order.created, { id, customerId: 'c1' })
    await bench.settled()
    expect(await emails()).toEqual([{ order_id: 'good' }])
    expect(await bench.deadLetters()).toEqual([
      expect.objectContaining({
        subscription: 'marketing.thank-buyer',
        reason: expect.stringContaining('nobody lives'),
      }),
    ])
    expect(await bench.broker.stats(operator, 'marketing.thank-buyer')).toMatchObject({ dead: 1, parked: 1 })
  })

  it('is settled when its outbox is empty, however long that takes, and then knows what was published', async () => {
    bench = await testBench(marketingService())
    const order = async (id: string): Promise<void> => {
      await bench.publish(crm.customer.updated, { id: 'c1', email: 'c1@example.com' })
      await bench.publish(sales.order.created, { id, customerId: 'c1' })
    }
    await order('o1')
    await bench.settled()
    // A relay that the broker has replaced has to begin again, with pauses.
    const producer = { id: 'marketing:0', epoch: bench.environment.clock.now() + 1_000_000, counter: 1_000 }
    const event = { id: 'fence', source: 'marketing', type: 'marketing.email-sent.fence', key: 'fence' }
    await bench.broker.publish(
      { namespace: 'default', principal: 'marketing' },
      { topic: 'marketing.email-sent', events: [{ event, producer }] },
    )
    await order('o2')
    await bench.settled()
    expect(bench.published(marketing.emailSent).map(({ data }) => data.orderId)).toEqual(['o1', 'o2'])
  })

  it('says which replica is not ready when it does not settle', async () => {
    bench = await testBench(marketingService())
    await bench.broker.removeTopic(operator, 'crm.customer')
    await expect(bench.settled({ withinMs: 5_000 })).rejects.toThrow(/replica crm\.customer is (filling|rebuilding)/)
  })

  it('knows every event that was published, however many, and lets tasks be sent to services that are not there', async () => {
    const contract = defineContract('audit', {})
    const service = createService({ contract, broker: connect('http://127.0.0.1:1'), database, report: () => {} })
    service.on('write', sales.returned, { from: 'beginning' }, async ({ event, transaction }) => {
      if (event.data.orderId === 'o0')
        await transaction((tx) => tx.publish(marketing.sendLetter, { to: event.data.orderId }))
    })
    bench = await testBench(service)
    await bench.publish(sales.returned, { orderId: 'o0' })
    const events = Array.from({ length: 1_000 }, (_, index) => {
      const data = new TextEncoder().encode(JSON.stringify({ orderId: `o${index + 1}` }))
      return { event: { id: `r${index}`, source: 'sales', type: sales.returned.type, key: `o${index + 1}`, data } }
    })
    await bench.broker.publish({ namespace: 'default', principal: 'sales' }, { topic: sales.returned.topic, events })
    await bench.settled()
    expect(bench.published(sales.returned)).toHaveLength(1_001)
    expect(bench.published(marketing.sendLetter).map(({ data }) => data)).toEqual([{ to: 'o0' }])
  })

  it('refuses to publish what the contract refuses', async () => {
    bench = await testBench(marketingService())
    const refused = bench.publish(sales.order.created, JSON.parse('{"id":1,"customerId":"c1"}'))
    await expect(refused).rejects.toMatchObject({
      code: 'schema-violation',
      message: expect.stringContaining('sales.order.created: id: '),
    })
  })

  it('gives one history for one seed', async () => {
    const histories: string[] = []
    for (let run = 0; run < 2; run++) {
      database = sqliteDatabase({ client: new Libsql(':memory:'), allowVolatile: true })
      await database.start()
      await database.migrate({ name: 'marketing', migrations: ['create table emails (order_id text)'] })
      bench = await testBench(marketingService(), { seed: 7 })
      await bench.publish(crm.customer.created, { id: 'c1', email: 'c1@example.com' })
      await bench.publish(sales.order.created, { id: 'o1', customerId: 'c1' })
      await bench.crashAt('before-commit')
      await bench.settled()
      histories.push(
        JSON.stringify([bench.published(marketing.emailSent), bench.environment.clock.now(), mails.splice(0)]),
      )
      if (run === 0) await bench.stop()
    }
    expect(histories[1]).toBe(histories[0])
  })
})
