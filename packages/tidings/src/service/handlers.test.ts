import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import type { Broker } from '../broker/index.ts'
import type { Database } from '../database/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { TerminalError } from '../errors.ts'
import { lineTo } from '../testing/line.ts'
import { createService, type Service } from './index.ts'
import {
  crm,
  emailsDatabase,
  emailsIn,
  inboxRowsIn,
  marketing,
  sales,
  serviceBench,
  type ServiceBench,
} from './service.fixture.ts'

const operator = { namespace: 'default', principal: 'operator' }
const asSales = { namespace: 'default', principal: 'sales' }
const subscription = 'marketing.thank-buyer'
let bench: ServiceBench
let database: Database
let service: Service<'marketing'>
let events = 0

beforeEach(async () => {
  bench = await serviceBench()
  database = await emailsDatabase(bench)
  service = bench.use(createService({ contract: marketing, ...bench, database }))
})
afterEach(() => bench.stop())

async function publish(orderId: string, more: object = {}): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify({ orderId }))
  const event = { id: `e${++events}`, source: 'sales', type: 'sales.returned', key: orderId, data, ...more }
  await bench.broker.publish(asSales, { topic: 'sales.returned', events: [{ event }] })
  await bench.environment.advance(10)
}

const emails = () => emailsIn(database)
const inboxRows = () => inboxRowsIn(database)
const stats = () => bench.broker.stats(operator, subscription)
const errors = () => bench.notices.filter(({ level }) => level === 'error').map(({ message }) => message)

describe('a handler', () => {
  it('gets typed events of every type that it asked for', async () => {
    await bench.broker.putTopic(asSales, { topic: 'sales.order', kind: 'entity', owner: 'sales' })
    const seen: unknown[] = []
    service.on('orders', [sales.order.created, sales.order.deleted], { from: 'beginning' }, ({ event }) => {
      if (event.type === 'sales.order.created') {
        expectTypeOf(event.data).toEqualTypeOf<{ id: string; customerId: string }>()
        seen.push(event.data.customerId)
      } else {
        expectTypeOf(event.data).toEqualTypeOf<{ readonly id: string }>()
        seen.push(event.data)
      }
    })
    await service.start()
    const types = ['created', 'updated', 'deleted'].map((change) => `sales.order.${change}`)
    for (const type of types) {
      const data = new TextEncoder().encode('{"id":"o1","customerId":"c1"}')
      await bench.broker.publish(asSales, {
        topic: 'sales.order',
        events: [{ event: { id: type, source: 'sales', type, key: 'o1', data } }],
      })
    }
    await bench.environment.advance(50)
    expect(seen).toEqual(['c1', { id: 'o1' }])
  })

  it('has its effects in the database once, whether or not it uses the transaction', async () => {
    const calls: string[] = []
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ event, transaction }) => {
      calls.push(event.data.orderId)
      if (event.data.orderId === 'o1') await transaction((tx) => tx.query('insert into emails values (?)', ['o1']))
    })
    await service.start()
    await publish('o1')
    await publish('o2')
    expect(await inboxRows()).toBe(2)
    expect(calls).toEqual(['o1', 'o2'])
    expect(await emails()).toEqual(['o1'])
  })

  it('may call its transaction once, and is told when it calls it again', async () => {
    const refusals: unknown[] = []
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ transaction }) => {
      await transaction((tx) => tx.query('insert into emails values (?)', ['once']))
      await transaction((tx) => tx.query('insert into emails values (?)', ['twice'])).catch((error: unknown) =>
        refusals.push(error),
      )
    })
    await service.start()
    await publish('o1')
    expect(refusals).toEqual([expect.objectContaining({ code: 'transaction-misuse' })])
    expect(await emails()).toEqual(['once'])
  })

  it('rolls back and runs again when it fails inside its transaction', async () => {
    const attempts: number[] = []
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ attempt, transaction }) => {
      await transaction(async (tx) => {
        await tx.query('insert into emails values (?)', [`attempt ${attempt}`])
        await tx.publish(marketing.emailSent, { orderId: `attempt ${attempt}` })
        attempts.push(attempt)
        if (attempt < 3) throw new Error('not yet')
      })
    })
    await service.start()
    await publish('o1')
    await bench.environment.advance(2_000)
    expect(attempts).toEqual([1, 2, 3])
    expect(await emails()).toEqual(['attempt 3'])
    expect(await bench.payloads('marketing.email-sent')).toEqual([{ orderId: 'attempt 3' }])
  })

  it('has no effect when it holds a delivery that somebody else has had since', async () => {
    const client = new Libsql(':memory:')
    const shared = sqliteDatabase({ client, allowVolatile: true, environment: bench.environment })
    const line = lineTo(bench.broker)
    const seen: string[] = []
    let letGo = (): void => undefined
    const held = new Promise<void>((resolve) => (letGo = resolve))
    const start = async (name: string, broker: Broker, wait: Promise<void> | undefined) => {
      const instance = bench.use(createService({ contract: marketing, ...bench, broker, database: shared }))
      instance.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ transaction }) => {
        await wait
        await transaction((tx) => tx.query('insert into emails values (?)', [name]))
        seen.push(name)
      })
      await instance.start()
    }
    await emailsDatabase(bench, shared)
    await start('slow', line.broker, held)
    await publish('o1')
    line.cut()
    await start('quick', bench.broker, undefined)
    await bench.environment.advance(5_000)
    expect(await shared.query('select order_id from emails')).toEqual([{ order_id: 'quick' }])
    letGo()
    await bench.environment.advance(1_000)
    line.mend()
    await bench.environment.advance(2_000)
    expect(await shared.query('select order_id from emails')).toEqual([{ order_id: 'quick' }])
    expect(seen).toEqual(['quick'])
    expect(await stats()).toMatchObject({ acknowledged: 1, pending: 0 })
  })

  it('has each failed attempt told: what failed, at which event, and what happens next', async () => {
    service.on('thank-buyer', sales.returned, { from: 'beginning', retry: { maxAttempts: 2 } }, ({ attempt }) => {
      throw new Error(`no mail today ${attempt}`)
    })
    await service.start()
    await publish('o1', { id: 'first' })
    await bench.environment.advance(2_000)
    expect(bench.notices).toEqual([
      expect.objectContaining({
        level: 'warning',
        message:
          'marketing.thank-buyer: attempt 1 of 2 at event first of sales failed (Error: no mail today 1). It is tried again as the retry policy says.',
        details: expect.objectContaining({ subscription, id: 'first', attempt: 1 }),
      }),
      expect.objectContaining({
        level: 'error',
        message:
          'marketing.thank-buyer: attempt 2 of 2 at event first of sales failed (Error: no mail today 2). It is a dead letter: mend the cause, then redrive it.',
      }),
    ])
    expect(await stats()).toMatchObject({ dead: 1 })
  })

  it('fills no log when everything fails: ten lines a minute, then a count of the others', async () => {
    let isDown = true
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, () => {
      if (isDown) throw new Error('down')
    })
    await service.start()
    for (let order = 0; order < 40; order++) await publish(`o${order}`)
    expect(bench.notices).toHaveLength(10)
    await bench.environment.advance(59_000)
    expect(bench.notices).toHaveLength(10)
    await bench.environment.advance(60_000)
    expect(bench.notices.length).toBeLessThanOrEqual(20)
    expect(bench.notices[10]?.message).toMatch(/tried again as the retry policy says\. So failed \d+ more attempts/)
    isDown = false
    await bench.environment.advance(3_600_000)
    expect(await stats()).toMatchObject({ acknowledged: 40, pending: 0 })
  })

  it('is not repeated when it fails after the commit, and somebody is told', async () => {
    let calls = 0
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ transaction }) => {
      calls++
      await transaction((tx) => tx.query('insert into emails values (1)'))
      throw new Error('too late')
    })
    await service.start()
    await publish('o1')
    await bench.environment.advance(10_000)
    expect(calls).toBe(1)
    expect(await stats()).toMatchObject({ acknowledged: 1, dead: 0 })
    expect(errors()).toEqual([expect.stringContaining('failed after its transaction was committed (Error: too late)')])
  })

  it('never sees a payload that breaks the contract: a dead letter that names the path', async () => {
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, () => expect.unreachable())
    await service.start()
    await publish('o1', { data: new TextEncoder().encode('{"orderId":1}') })
    const { deadLetters } = await bench.broker.deadLetters(operator, { subscription })
    expect(deadLetters).toMatchObject([{ attempts: 1, reason: expect.stringContaining('sales.returned: orderId: ') }])
  })

  it('ties what it publishes to what caused it', async () => {
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, ({ event, transaction }) =>
      transaction((tx) => tx.publish(marketing.emailSent, { orderId: event.data.orderId })),
    )
    await service.start()
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    await publish('o1', { id: 'first' })
    await publish('o2', { id: 'second', extensions: { correlationid: 'campaign', traceparent } })
    await bench.environment.advance(1_000)
    const { events: sent } = await bench.broker.read(operator, { topic: 'marketing.email-sent' })
    expect(sent.map(({ event }) => event.extensions)).toEqual([
      { correlationid: 'first', causationid: 'first' },
      { correlationid: 'campaign', causationid: 'second', traceparent },
    ])
  })

  it('begins where it says: the past is mailed to nobody, and nothing is missed of a topic that came later', async () => {
    await publish('past')
    const orders: string[] = []
    const handler = ({ event }: { event: { data: { orderId: string } } }) => void orders.push(event.data.orderId)
    service.on('thank-buyer', sales.returned, { from: 'end' }, handler)
    service.on('later', marketing.emailSent, { from: 'beginning' }, handler)
    service.on('unborn', crm.customer.created, { from: 'end' }, ({ event }) => void orders.push(event.data.id))
    await service.start()
    await publish('present')
    await bench.environment.advance(3_000)
    const asCrm = { namespace: 'default', principal: 'crm' }
    await bench.broker.putTopic(asCrm, { topic: 'crm.customer', kind: 'entity', owner: 'crm' })
    const data = new TextEncoder().encode('{"id":"c1","email":"c1@example.com"}')
    const event = { id: '1', source: 'crm', type: 'crm.customer.created', key: 'c1', data }
    await bench.broker.publish(asCrm, { topic: 'crm.customer', events: [{ event }] })
    await bench.environment.advance(3_000)
    expect(orders).toEqual(['present', 'c1'])
  })

  it('gives up at once on a TerminalError and parks the key, while others go on', async () => {
    const orders: string[] = []
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, ({ event }) => {
      if (event.data.orderId === 'bad') throw new TerminalError('nobody lives there')
      orders.push(event.data.orderId)
    })
    await service.start()
    for (const order of ['bad', 'good', 'bad']) await publish(order)
    expect(orders).toEqual(['good'])
    expect(await stats()).toMatchObject({ dead: 1, parked: 1 })
  })
})

describe('a replay', () => {
  async function replay(effects: 'skip' | 'run' | 'missing', prune: boolean): Promise<string[]> {
    const keys: string[] = []
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ event, idempotencyKey, transaction }) => {
      keys.push(idempotencyKey)
      await transaction((tx) => tx.query('insert into emails values (?)', [event.data.orderId]))
    })
    await service.start()
    await publish('o1', { id: 'same' })
    await bench.environment.advance(prune ? 125_000 : 10)
    expect(await inboxRows()).toBe(prune ? 0 : 1)
    await bench.broker.seek(operator, { subscription, to: 'beginning', effects })
    await bench.environment.advance(1_000)
    expect(await stats()).toMatchObject({ acknowledged: 1, pending: 0 })
    return keys
  }

  it('with the effects "skip" mails nobody', async () => {
    expect(await replay('skip', true)).toHaveLength(1)
    expect(await emails()).toEqual(['o1'])
  })

  it('with the effects "run" is not swallowed, and is another call for those outside', async () => {
    const keys = await replay('run', false)
    expect(keys).toEqual(['marketing.thank-buyer/sales/same', 'marketing.thank-buyer/sales/same/2'])
    expect(await emails()).toEqual(['o1', 'o1'])
  })

  it('with the effects "missing" applies nothing that this database applied, also long ago', async () => {
    expect(await replay('missing', false)).toHaveLength(1)
    expect(await emails()).toEqual(['o1'])
  })

  it('with the effects "missing" counts what lies below the floor', async () => {
    expect(await replay('missing', true)).toHaveLength(1)
    expect(await emails()).toEqual(['o1'])
  })
})
