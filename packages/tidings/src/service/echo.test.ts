import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Broker, Delivery, StreamRequest } from '../broker/index.ts'
import type { Database } from '../database/index.ts'
import { TerminalError } from '../errors.ts'
import { instead } from '../testing/instead.fixture.ts'
import { createService, type Service } from './index.ts'
import {
  type ServiceBench,
  emailsDatabase,
  emailsIn,
  inboxRowsIn,
  marketing,
  sales,
  serviceBench,
} from './service.fixture.ts'

const operator = { namespace: 'default', principal: 'operator' }
const asSales = { namespace: 'default', principal: 'sales' }
const subscription = 'marketing.thank-buyer'
let bench: ServiceBench
let database: Database

beforeEach(async () => {
  bench = await serviceBench()
  database = await emailsDatabase(bench)
})
afterEach(() => bench.stop())

async function publish(orderId: string): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify({ orderId }))
  const event = { id: orderId, source: 'sales', type: 'sales.returned', key: orderId, data }
  await bench.broker.publish(asSales, { topic: 'sales.returned', events: [{ event }] })
  await bench.environment.advance(10)
}

const emails = () => emailsIn(database)
const inboxRows = () => inboxRowsIn(database)

describe('an echo: a delivery that the network says again long after it was settled', () => {
  /** The broker, and all that its streams handed out, to be said again to whoever has the newest stream. */
  function echoing(): { broker: Broker; repeat: () => void } {
    const said: Delivery[] = []
    let newest: StreamRequest | undefined
    const broker = instead(bench.broker, {
      stream: (caller, request) => {
        newest = request
        const onDeliveries = (deliveries: readonly Delivery[]): void => {
          said.push(...deliveries)
          request.onDeliveries(deliveries)
        }
        return bench.broker.stream(caller, { ...request, onDeliveries })
      },
    })
    return { broker, repeat: () => newest?.onDeliveries(said.splice(0)) }
  }

  it('has no effect on a process that never heard of it, although the inbox has forgotten it too', async () => {
    const { broker, repeat } = echoing()
    let runs = 0
    const start = async (): Promise<Service<'marketing'>> => {
      const life = bench.use(createService({ contract: marketing, ...bench, broker, database }))
      life.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ event, transaction }) => {
        runs++
        await transaction((tx) => tx.query('insert into emails values (?)', [event.data.orderId]))
      })
      await life.start()
      await bench.environment.advance(100)
      return life
    }
    const first = await start()
    await publish('o1')
    await publish('o2')
    await bench.environment.advance(12_000)
    expect(await inboxRows()).toBe(0)
    await first.stop()
    await start()
    repeat()
    await bench.environment.advance(1_000)
    expect([await emails(), runs]).toEqual([['o1', 'o2'], 2])
  })

  it('is told from a dead letter below the floor that was redriven: that one is handled', async () => {
    const service = bench.use(createService({ contract: marketing, ...bench, database }))
    let broken = true
    service.on('thank-buyer', sales.returned, { from: 'beginning' }, async ({ event, transaction }) => {
      if (broken && event.data.orderId === 'o1') throw new TerminalError('not today')
      await transaction((tx) => tx.query('insert into emails values (?)', [event.data.orderId]))
    })
    await service.start()
    await bench.environment.advance(100)
    await publish('o1')
    await publish('o2')
    await bench.environment.advance(12_000)
    broken = false
    await bench.broker.redrive(operator, { subscription, positions: 'all' })
    await bench.environment.advance(1_000)
    expect(await emails()).toEqual(['o1', 'o2'])
  })
})
