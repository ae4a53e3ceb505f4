import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createService, waitFor, type Service } from './index.ts'
import { crm, marketing, sales, serviceBench, type ServiceBench } from './service.fixture.ts'

const operator = { namespace: 'default', principal: 'operator' }
const asCrm = { namespace: 'default', principal: 'crm' }
const asSales = { namespace: 'default', principal: 'sales' }
const subscription = 'marketing.thank-buyer'
let bench: ServiceBench
let service: Service<'marketing'>

beforeEach(async () => {
  bench = await serviceBench()
  await bench.broker.putTopic(asCrm, { topic: 'crm.customer', kind: 'entity', owner: 'crm' })
  await bench.broker.putTopic(asSales, { topic: 'sales.order', kind: 'entity', owner: 'sales' })
  service = bench.use(createService({ contract: marketing, ...bench, database: bench.database() }))
})
afterEach(() => bench.stop())

async function order(id: string, customerId: string): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify({ id, customerId }))
  const event = { id, source: 'sales', type: 'sales.order.created', key: id, data }
  await bench.broker.publish(asSales, { topic: 'sales.order', events: [{ event }] })
}

async function customer(id: string): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify({ id, email: `${id}@example.com` }))
  const event = { id, source: 'crm', type: 'crm.customer.created', key: id, data }
  await bench.broker.publish(asCrm, { topic: 'crm.customer', events: [{ event }] })
}

function thankBuyers(): { thanked: string[]; attempts: number[] } {
  const thanked: string[] = []
  const attempts: number[] = []
  const customers = service.replicate(crm.customer, { columns: ['email'] })
  service.on('thank-buyer', sales.order.created, { from: 'beginning' }, async ({ event, attempt }) => {
    attempts.push(attempt)
    const buyer = (await customers.get(event.data.customerId)) ?? waitFor(crm.customer, event.data.customerId)
    thanked.push(`${event.data.id} ${buyer.email}`)
  })
  return { thanked, attempts }
}

describe('waitFor()', () => {
  it('holds its event without counting an attempt, lets others go on, and runs when the row arrives', async () => {
    const { thanked, attempts } = thankBuyers()
    await service.start()
    await customer('c2')
    await bench.environment.advance(100)
    await order('o1', 'c1')
    await order('o2', 'c2')
    await bench.environment.advance(25_000)
    expect(thanked).toEqual(['o2 c2@example.com'])
    expect(await bench.broker.stats(operator, subscription)).toMatchObject({ waiting: 1, retrying: 0, dead: 0 })
    expect((await service.stats()).waiting).toEqual([expect.objectContaining({ topic: 'crm.customer', key: 'c1' })])
    await customer('c1')
    await bench.environment.advance(50)
    expect(thanked).toEqual(['o2 c2@example.com', 'o1 c1@example.com'])
    expect(new Set(attempts)).toEqual(new Set([1]))
    expect((await service.stats()).waiting).toEqual([])
  })

  it('is woken by a row that arrives while it is being settled', async () => {
    const customers = service.replicate(crm.customer, { columns: ['email'] })
    let calls = 0
    service.on('thank-buyer', sales.order.created, { from: 'beginning' }, async ({ event }) => {
      const buyer = await customers.get(event.data.customerId)
      if (calls++ === 0) {
        await customer('c1')
        while (!(await customers.get('c1'))) await new Promise((resolve) => setImmediate(resolve))
      }
      if (!buyer) waitFor(crm.customer, event.data.customerId)
    })
    await service.start()
    await bench.environment.advance(100)
    await order('o1', 'c1')
    await bench.environment.advance(100)
    expect(calls).toBe(2)
    expect(await bench.broker.stats(operator, subscription)).toMatchObject({ acknowledged: 1, pending: 0 })
  })

  it('tells somebody when it takes too long', async () => {
    thankBuyers()
    await service.start()
    await order('o1', 'c1')
    await bench.environment.advance(50_000)
    const errors = () => bench.notices.filter(({ level }) => level === 'error').map(({ message }) => message)
    expect(errors()).toEqual([])
    await bench.environment.advance(60_000)
    expect(errors()).toEqual([expect.stringMatching(/^marketing\.thank-buyer has waited \d+ s for crm\.customer c1/)])
  })

  it('is refused for the topic that is being handled and for one that is not replicated', async () => {
    service.on('own', sales.order.created, { from: 'beginning' }, () => waitFor(sales.order, 'o1'))
    service.on('unknown', sales.order.created, { from: 'beginning' }, () => waitFor(crm.customer, 'c1'))
    await service.start()
    await order('o1', 'c1')
    await bench.environment.advance(50)
    const reasonOf = async (name: string) => {
      const { deadLetters } = await bench.broker.deadLetters(operator, { subscription: `marketing.${name}` })
      return deadLetters[0]?.reason
    }
    expect(await reasonOf('own')).toContain('cannot wait for it')
    expect(await reasonOf('unknown')).toContain('has no replica')
  })
})

describe('a replica that is not ready', () => {
  it('is waited for like a row, without counting an attempt', async () => {
    await bench.broker.removeTopic(operator, 'crm.customer')
    const { thanked, attempts } = thankBuyers()
    await service.start()
    await order('o1', 'c1')
    await bench.environment.advance(30_000)
    await bench.broker.putTopic(asCrm, { topic: 'crm.customer', kind: 'entity', owner: 'crm' })
    await customer('c1')
    await bench.environment.advance(2_000)
    expect(thanked).toEqual(['o1 c1@example.com'])
    expect(new Set(attempts)).toEqual(new Set([1]))
  })
})
