import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createService, type Service } from './index.ts'
import { marketing, sales, serviceBench, type ServiceBench } from './service.fixture.ts'

const operator = { namespace: 'default', principal: 'operator' }
const asSales = { namespace: 'default', principal: 'sales' }
let bench: ServiceBench
let service: Service<'marketing'>
let events: number

beforeEach(async () => {
  events = 0
  bench = await serviceBench()
  await bench.broker.putTopic(asSales, { topic: 'sales.returned', kind: 'event', owner: 'sales' })
  service = bench.use(createService({ contract: marketing, ...bench, database: bench.database() }))
})
afterEach(() => bench.stop())

async function publish(orderId: string, more: object = {}): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify({ orderId }))
  const event = { id: `e${++events}`, source: 'sales', type: 'sales.returned', key: orderId, data, ...more }
  await bench.broker.publish(asSales, { topic: 'sales.returned', events: [{ event }] })
  await bench.environment.advance(10)
}

describe('the options of a handler', () => {
  it('coalesce what it gets: the first at once, then the newest, urgent ones without waiting', async () => {
    const seen: string[] = []
    const options = {
      from: 'beginning',
      coalesce: { intervalMs: 60_000, urgent: { exact: { subject: 'now' } } },
    } as const
    service.on('thank-buyer', sales.returned, options, ({ event }) => void seen.push(event.id))
    await service.start()
    for (let count = 0; count < 3; count++) await publish('o1')
    expect(seen).toEqual(['e1'])
    await bench.environment.advance(61_000)
    expect(seen).toEqual(['e1', 'e3'])
    await publish('o1')
    await publish('o1', { subject: 'now' })
    await bench.environment.advance(1_000)
    expect(seen).toEqual(['e1', 'e3', 'e5'])
    expect(await bench.broker.stats(operator, 'marketing.thank-buyer')).toMatchObject({ superseded: 2, pending: 0 })
  })

  it('let what matters overtake the rest', async () => {
    const seen: string[] = []
    const options = { from: 'beginning', priorities: [{ exact: { source: 'now' } }] } as const
    service.on('thank-buyer', sales.returned, { ...options, rate: { perSecond: 1 } }, ({ event }) => {
      seen.push(event.id)
    })
    await service.start()
    for (let count = 0; count < 5; count++) await publish('o1')
    await publish('o1', { source: 'now' })
    await bench.environment.advance(10_000)
    expect(seen).toEqual(['e1', 'e6', 'e2', 'e3', 'e4', 'e5'])
  })

  it('filter and delay what it gets', async () => {
    const seen: string[] = []
    const options = { from: 'beginning', filter: { prefix: { subject: 'eu/' } }, delayMs: 60_000 } as const
    service.on('thank-buyer', sales.returned, options, ({ event }) => void seen.push(event.data.orderId))
    await service.start()
    await publish('o1', { subject: 'eu/berlin' })
    await publish('o2', { subject: 'us/boston' })
    expect(await bench.broker.stats(operator, 'marketing.thank-buyer')).toMatchObject({ filtered: 1, scheduled: 1 })
    await bench.environment.advance(61_000)
    expect(seen).toEqual(['o1'])
  })
})
