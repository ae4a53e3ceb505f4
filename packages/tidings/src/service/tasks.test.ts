import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { Broker } from '../broker/index.ts'
import { answersTo, defineContract, defineReplies, defineTask } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { RefuseError } from '../errors.ts'
import { lineTo } from '../testing/line.ts'
import { createService, type HandlerContext, type Service } from './index.ts'
import { serviceBench, type ServiceBench } from './service.fixture.ts'

const bank = defineContract('bank', {
  checkCredit: defineTask({
    key: 'customer',
    schema: z.object({ customer: z.string() }),
    result: z.object({ limit: z.number() }),
  }),
  ping: defineTask({ schema: z.object({}) }),
})
const shop = defineContract('shop', { answers: defineReplies(), more: defineReplies() })
const credit = answersTo(shop.answers, bank.checkCredit)
const ping = answersTo(shop.answers, bank.ping)
const operator = { namespace: 'default', principal: 'operator' }
type Context = HandlerContext<'bank', typeof bank.checkCredit>

let bench: ServiceBench
let database: Database
let asker: Service<'shop'>
let told: unknown[]

beforeEach(async () => {
  bench = await serviceBench()
  database = bench.database()
  await database.start()
  await database.migrate({ name: 'bank', migrations: ['create table checks (customer text)'] })
  told = []
  asker = bench.use(createService({ contract: shop, ...bench, database: bench.database() }))
  asker.on('credit', [credit.accepted, credit.refused, ping.accepted], { from: 'beginning' }, ({ event }) => {
    if (event.type === 'bank.check-credit.accepted') expectTypeOf(event.data).toEqualTypeOf<{ limit: number }>()
    if (event.type === 'bank.check-credit.refused') expectTypeOf(event.data.reason).toEqualTypeOf<string>()
    told.push([event.type, event.data, event.extensions['correlationid']])
  })
})
afterEach(() => bench.stop())

async function work(handle: (context: Context) => unknown, broker: Broker = bench.broker): Promise<Service<'bank'>> {
  const worker = createService({ contract: bank, ...bench, broker, database })
  // One that is severed from its broker never ends.
  if (broker === bench.broker) bench.use(worker)
  worker.on('check-credit', bank.checkCredit, { from: 'beginning' }, handle)
  await worker.start()
  return worker
}

async function ask(customer: string, correlationId?: string): Promise<void> {
  const options = { replyTo: shop.answers, ...(correlationId === undefined ? {} : { correlationId }) }
  await asker.transaction((tx) => tx.publish(bank.checkCredit, { customer }, options))
  await bench.environment.advance(10_000)
}

const checks = async () => (await database.query('select customer from checks')).map((row) => row['customer'])
const check = (customer: string) => `insert into checks values ('${customer}')`

describe('a task', () => {
  it('is answered with what its transaction resolved with, typed, with the correlation id of who asked', async () => {
    await work(({ event, transaction }) =>
      transaction(async (tx) => {
        await tx.query(check(event.data.customer))
        return { limit: 100 }
      }),
    )
    await asker.start()
    await ask('c1', 'order-7')
    expect(told).toEqual([['bank.check-credit.accepted', { limit: 100 }, 'order-7']])
    expect(await checks()).toEqual(['c1'])
  })

  it('is answered with what its handler returned, where that calls no transaction', async () => {
    await work(async () => ({ limit: 5 }))
    await asker.start()
    await ask('c1')
    expect(told).toMatchObject([['bank.check-credit.accepted', { limit: 5 }, expect.any(String)]])
  })

  it('is refused by a RefuseError, which rolls back and leaves no dead letter', async () => {
    await work(({ event, transaction }) =>
      transaction(async (tx) => {
        await tx.query(check(event.data.customer))
        throw new RefuseError('the customer is unknown')
      }),
    )
    await asker.start()
    await ask('c1', 'order-7')
    expect(told).toEqual([['bank.check-credit.refused', { reason: 'the customer is unknown' }, 'order-7']])
    expect(await checks()).toEqual([])
    expect(await bench.broker.stats(operator, 'bank.check-credit')).toMatchObject({ dead: 0, pending: 0 })
  })

  it('is a dead letter where its answer breaks the schema, and its effect is rolled back', async () => {
    await work(({ event, transaction }) =>
      transaction(async (tx) => {
        await tx.query(check(event.data.customer))
        return { limit: 'much' }
      }),
    )
    await asker.start()
    await ask('c1')
    expect([told, await checks()]).toEqual([[], []])
    const { deadLetters } = await bench.broker.deadLetters(operator, { subscription: 'bank.check-credit' })
    expect(deadLetters).toMatchObject([{ reason: expect.stringContaining('The answer cannot be given') }])
  })

  it('is answered the same when its process is killed between its commit and its settle', async () => {
    const line = lineTo(bench.broker)
    let limit = 100
    const handle = ({ event, transaction }: Context): Promise<unknown> =>
      transaction(async (tx) => {
        await tx.query(check(event.data.customer))
        return { limit: limit++ }
      })
    await work(async (context) => {
      await handle(context)
      line.sever()
    }, line.broker)
    await asker.start()
    await ask('c1', 'order-7')
    expect([told, await checks()]).toEqual([[], ['c1']])
    await work(handle)
    await bench.environment.advance(10_000)
    expect(told).toEqual([['bank.check-credit.accepted', { limit: 100 }, 'order-7']])
    expect(await checks()).toEqual(['c1'])
  })

  it('is told to be done where its contract says nothing of a result', async () => {
    const worker = bench.use(createService({ contract: bank, ...bench, database }))
    worker.on('ping', bank.ping, { from: 'beginning' }, () => undefined)
    await worker.start()
    await asker.start()
    await asker.transaction((tx) => tx.publish(bank.ping, {}, { replyTo: shop.answers, correlationId: 'p' }))
    await bench.environment.advance(10_000)
    expect(told).toEqual([['bank.ping.accepted', null, 'p']])
  })

  it('asks for its answer in a topic of its own service, in the transaction that sends it', async () => {
    await asker.start()
    const elsewhere = defineContract('bank', { answers: defineReplies() })
    await asker.transaction(async (tx) => {
      const refused = tx.publish(bank.ping, {}, { replyTo: elsewhere.answers })
      await expect(refused).rejects.toMatchObject({ code: 'bad-request' })
    })
  })
})
