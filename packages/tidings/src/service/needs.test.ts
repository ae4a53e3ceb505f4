import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { ReportNeedsRequest } from '../broker/port/contracts.ts'
import { instead } from '../testing/instead.fixture.ts'
import { observeByDefault } from './handler-reads.ts'
import { createService, type ObserveReads, type Service } from './index.ts'
import { crm, marketing, sales, serviceBench, type ServiceBench } from './service.fixture.ts'

const asSales = { namespace: 'default', principal: 'sales' }
let bench: ServiceBench
let told: ReportNeedsRequest[]
let report: (request: ReportNeedsRequest) => Promise<void>
let events = 0

beforeEach(async () => {
  bench = await serviceBench()
  told = []
  report = async () => undefined
  await bench.broker.putTopic(asSales, { topic: 'sales.returned', kind: 'event', owner: 'sales' })
  const asCrm = { namespace: 'default', principal: 'crm' }
  await bench.broker.putTopic(asCrm, { topic: 'crm.customer', kind: 'entity', owner: 'crm' })
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await bench.stop()
})

/** A service that tells the test what it needs. */
function marketingService(observeReads: ObserveReads, database = bench.database()): Service<'marketing'> {
  const broker = instead(bench.broker, {
    async reportNeeds(_, request) {
      await report(request)
      told.push(request)
    },
  })
  return bench.use(createService({ contract: marketing, ...bench, broker, database, observeReads }))
}

async function stop(service: Service<'marketing'>): Promise<void> {
  const stopped = service.stop()
  await bench.environment.advance(2_000)
  await stopped
}

async function publish(orderId: string): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify({ orderId }))
  const event = { id: `e${++events}`, source: 'sales', type: 'sales.returned', key: orderId, data }
  await bench.broker.publish(asSales, { topic: 'sales.returned', events: [{ event }] })
  await bench.environment.advance(100)
}
const needs = () => told.flatMap((request) => request.needs)
const replica = {
  topic: 'crm.customer',
  consumer: 'marketing.replica.crm.customer',
  as: 'replica',
  fields: ['/id', '/email'],
  observed: false,
}
const handler = {
  topic: 'sales.returned',
  consumer: 'marketing.thank-buyer',
  as: 'handler',
  fields: ['/orderId'],
  observed: true,
}

it('a service tells what its copies have and its handlers read: at once, once a minute what is new, hourly all', async () => {
  const service = marketingService('always')
  service.replicate(crm.customer, { columns: ['email'] })
  const looksAt = new Set<string>()
  service.on('thank-buyer', sales.returned, { from: 'beginning' }, ({ event }) => {
    if (looksAt.has(event.id)) return event.data.orderId
    return undefined
  })
  await service.start()
  await bench.environment.advance(100)
  expect(told).toEqual([{ service: 'marketing', needs: [replica] }])
  await publish('o1')
  await bench.environment.advance(60_000)
  expect(told).toHaveLength(1)
  looksAt.add(`e${events + 1}`)
  await publish('o2')
  await bench.environment.advance(60_000)
  expect(told.slice(1)).toEqual([{ service: 'marketing', needs: [handler] }])
  await bench.environment.advance(1_800_000)
  expect(told).toHaveLength(2)
  await bench.environment.advance(1_860_000)
  expect(needs().slice(2)).toEqual([replica, handler])
})

it('what a broker does not take of one topic keeps nothing of another from it', async () => {
  const service = marketingService('always')
  service.replicate(crm.customer, { columns: ['email'] })
  service.on('thank-buyer', sales.returned, { from: 'beginning' }, ({ event }) => event.data.orderId)
  report = async (request) => {
    if (request.needs[0]?.topic === 'crm.customer') throw new Error('topic-unknown')
  }
  await service.start()
  await publish('o1')
  await bench.environment.advance(60_000)
  expect(needs()).toEqual([handler])
})

it('what a broker does not take is told again, and nobody is disturbed by it', async () => {
  report = () => Promise.reject(new Error('no such route'))
  const service = marketingService('always')
  service.replicate(crm.customer, { columns: ['email'] })
  await service.start()
  await bench.environment.advance(100)
  expect(told).toEqual([])
  report = async () => undefined
  await bench.environment.advance(60_000)
  expect(needs()).toEqual([replica])
  expect(bench.notices.filter(({ level }) => level !== 'info')).toEqual([])
})

it('a service tells at its stop what it has not told, and is not held up by that', async () => {
  const database = bench.database()
  const service = marketingService('always', database)
  service.on('thank-buyer', sales.returned, { from: 'beginning' }, ({ event }) => event.data.orderId)
  await service.start()
  await publish('o1')
  await stop(service)
  expect(needs()).toEqual([handler])
  const silent = marketingService('always', database)
  silent.on('other', sales.returned, { from: 'beginning' }, ({ event }) => event.data.orderId)
  report = () => new Promise(() => undefined)
  await silent.start()
  await bench.environment.advance(100)
  let isStopped = false
  void silent.stop().then(() => (isStopped = true))
  await bench.environment.advance(1_500)
  expect(isStopped).toBe(true)
})

it('a handler that clones its data gets it as it is, at once, and counts as reading everything', async () => {
  const service = marketingService('always')
  const seen: unknown[] = []
  const attempts: number[] = []
  service.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ event, attempt, transaction }) => {
    attempts.push(attempt)
    await transaction(() => void seen.push(structuredClone(event.data)))
  })
  await service.start()
  await publish('o1')
  await publish('o2')
  expect(seen).toEqual([{ orderId: 'o1' }, { orderId: 'o2' }])
  expect(attempts).toEqual([1, 1, 1])
  await stop(service)
  expect(needs()).toEqual([{ ...handler, fields: [''] }])
})

it('a handler that clones its data after its transaction fails once, and gets it as it is from then on', async () => {
  const service = marketingService('always')
  const seen: unknown[] = []
  service.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ event, transaction }) => {
    await transaction(() => undefined)
    seen.push(structuredClone(event.data))
  })
  await service.start()
  await publish('o1')
  await publish('o2')
  expect(seen).toEqual([{ orderId: 'o2' }])
  await stop(service)
  expect(needs()).toEqual([{ ...handler, fields: [''] }])
})

it('a handler that is not looked at tells nothing', async () => {
  const service = marketingService('never')
  service.on('thank-buyer', sales.returned, { from: 'beginning' }, ({ event }) => event.data.orderId)
  await service.start()
  await publish('o1')
  await stop(service)
  expect(told).toEqual([])
})

it.each([
  ['development', 'always'],
  ['test', 'always'],
  ['production', 'never'],
  ['', 'never'],
])('where NODE_ENV is "%s", handlers are looked at %s', (environment, observe) => {
  vi.stubEnv('NODE_ENV', environment)
  expect(observeByDefault()).toBe(observe)
})
