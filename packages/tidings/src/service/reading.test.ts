import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEvent, type EventType } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { createService, type Service } from './index.ts'
import { marketing, serviceBench, type ServiceBench } from './service.fixture.ts'

const operator = { namespace: 'default', principal: 'operator' }
const asSales = { namespace: 'default', principal: 'sales' }
const subscription = 'marketing.thank-buyer'

const id = z.string()
const first = defineContract('sales', {
  returned: defineEvent({ key: 'id', schema: z.object({ id, cents: z.int() }) }),
})
const amount = z.object({ cents: z.int(), currency: z.string() })
const inEuros = (data: unknown) => {
  const { cents, ...rest } = data as { cents: number }
  return { ...rest, amount: { cents, currency: 'EUR' } }
}
const second = defineContract('sales', {
  returned: defineEvent({ key: 'id', version: 2, schema: z.object({ id, amount }), upcasts: { 1: inEuros } }),
})
const third = defineContract('sales', {
  returned: defineEvent({
    key: 'id',
    version: 3,
    schema: z.object({ id, amount, reason: z.string() }),
    upcasts: { 1: inEuros, 2: (data) => ({ ...(data as object), reason: 'unknown' }) },
  }),
})
const euros = (cents: number) => ({ cents, currency: 'EUR' })

let bench: ServiceBench
let database: Database
let service: Service<'marketing'> | undefined
let seen: unknown[]
let events: number

beforeEach(async () => {
  bench = await serviceBench()
  database = bench.database()
  service = undefined
  seen = []
  events = 0
  await bench.broker.putTopic(asSales, { topic: 'sales.returned', kind: 'event', owner: 'sales' })
})
afterEach(() => bench.stop())

/** Marketing as it is deployed with this contract of sales, after whatever ran before. */
async function deploy({ returned }: { returned: EventType<'sales', 'event', 'sales.returned'> }): Promise<void> {
  const stopped = service?.stop()
  await bench.environment.advance(12_000)
  await stopped
  service = bench.use(createService({ contract: marketing, ...bench, database }))
  service.on('thank-buyer', returned, { from: 'beginning' }, ({ event }) => void seen.push(event.data))
  await service.start()
  await bench.environment.advance(1_000)
}

async function publish(
  dataschema: string | undefined,
  data: object,
  extensions?: { deliverat: string },
): Promise<void> {
  const event = {
    ...{ id: `e${++events}`, source: 'sales', type: 'sales.returned', key: (data as { id: string }).id },
    ...(dataschema !== undefined && { dataschema }),
    ...(extensions && { extensions }),
    data: new TextEncoder().encode(JSON.stringify(data)),
  }
  const [answer] = await bench.broker.publish(asSales, { topic: 'sales.returned', events: [{ event }] })
  expect(answer).toMatchObject({ status: 'stored' })
  await bench.environment.advance(100)
}
const version = (number: number) => `tidings:sales.returned/${number}`
const deadLetters = async () => (await bench.broker.deadLetters(operator, { subscription })).deadLetters

async function redrive(): Promise<void> {
  await bench.broker.redrive(operator, { subscription, positions: 'all' })
  await bench.environment.advance(1_000)
}

describe('a handler of a newer version of a contract', () => {
  it('gets events of every older version as the newest has them', async () => {
    await deploy(third)
    await publish(undefined, { id: 'a', cents: 1 })
    await publish('https://sales.example/returned.json', { id: 'b', cents: 2 })
    await publish(version(1), { id: 'c', cents: 3 })
    await publish(version(2), { id: 'd', amount: euros(4) })
    await publish(version(3), { id: 'e', amount: euros(5), reason: 'too small' })
    expect(seen).toEqual([
      { id: 'a', amount: euros(1), reason: 'unknown' },
      { id: 'b', amount: euros(2), reason: 'unknown' },
      { id: 'c', amount: euros(3), reason: 'unknown' },
      { id: 'd', amount: euros(4), reason: 'unknown' },
      { id: 'e', amount: euros(5), reason: 'too small' },
    ])
  })

  it('gets what was parked, what was scheduled and what is replayed from before', async () => {
    await deploy(first)
    const due = new Date(bench.environment.clock.now() + 3_600_000).toISOString()
    await publish(version(1), { id: 'scheduled', cents: 1 }, { deliverat: due })
    await publish(version(2), { id: 'a', amount: euros(2) })
    await publish(version(1), { id: 'a', cents: 3 })
    await publish(version(1), { id: 'b', cents: 4 })
    expect(seen).toEqual([{ id: 'b', cents: 4 }])
    expect(await deadLetters()).toMatchObject([{ parked: 1, attempts: 1 }])
    seen = []
    await deploy(second)
    await redrive()
    expect(seen).toEqual([
      { id: 'a', amount: euros(2) },
      { id: 'a', amount: euros(3) },
    ])
    await bench.environment.advance(3_600_000)
    expect(seen.splice(0).at(-1)).toEqual({ id: 'scheduled', amount: euros(1) })
    await bench.broker.seek(operator, { subscription, to: 'beginning', effects: 'run' })
    await bench.environment.advance(5_000)
    expect(seen).toHaveLength(4)
    expect(seen).toContainEqual({ id: 'b', amount: euros(4) })
    expect(seen).toContainEqual({ id: 'scheduled', amount: euros(1) })
    expect(await deadLetters()).toEqual([])
  })
})

it('the version goes from the transaction of the owner to the handler', async () => {
  await deploy(third)
  const sales = bench.use(createService({ contract: second, ...bench, database: bench.database() }))
  await sales.start()
  await sales.transaction((tx) => tx.publish(second.returned, { id: 'a', amount: euros(1) }))
  await bench.environment.advance(1_000)
  expect(seen).toEqual([{ id: 'a', amount: euros(1), reason: 'unknown' }])
  const { events: published } = await bench.broker.read(operator, { topic: 'sales.returned' })
  expect(published.map(({ event }) => event.dataschema)).toEqual([version(2)])
})

describe('an event that a handler cannot read', () => {
  it('is a dead letter at once that says what is known and what to do, and holds up no other key', async () => {
    await deploy(second)
    await publish(version(3), { id: 'a', amount: euros(1), reason: 'new' })
    await publish(version(2), { id: 'b', amount: euros(2) })
    expect(seen).toEqual([{ id: 'b', amount: euros(2) }])
    const [letter] = await deadLetters()
    expect(letter?.attempts).toBe(1)
    expect(letter?.reason).toContain(
      'unreadable: sales.returned has version 3 here, and this contract reads versions 1',
    )
    expect(letter?.reason).toContain('bring the contract of this service up to date, deploy it, then redrive')
    const alarms = bench.notices.filter(({ level }) => level === 'error')
    expect(alarms).toMatchObject([{ details: { subscription, id: 'e1' } }])
    expect(alarms[0]?.message).toContain('sales.returned has version 3')
    await deploy(third)
    await redrive()
    expect(seen.at(-1)).toEqual({ id: 'a', amount: euros(1), reason: 'new' })
    expect(await deadLetters()).toEqual([])
  })

  it.each([
    ['an upcast fails on', version(1), { id: 'a' }, /amount\.cents.*upcast from version 1 to 2/],
    ['its schema refuses', version(2), { id: 'a', amount: 7 }, /amount: .*It has version 2/],
    ['is of another type', 'tidings:sales.sold/1', { id: 'a' }, /is none of this type/],
  ])('such as one that %s', async (_, dataschema, data, reason) => {
    await deploy(second)
    await publish(dataschema, data)
    await publish(version(2), { id: 'b', amount: euros(2) })
    expect(seen).toEqual([{ id: 'b', amount: euros(2) }])
    const [letter] = await deadLetters()
    expect(letter?.attempts).toBe(1)
    expect(letter?.reason).toMatch(reason)
  })

  it('such as one of a version that no upcast leads from', async () => {
    const { returned } = second
    await deploy({ returned: { ...returned, oldestVersion: 2, upcasts: new Map() } })
    await publish(version(1), { id: 'a', cents: 1 })
    expect((await deadLetters())[0]?.reason).toContain('reads version 2 alone: add upcasts from version 1 on')
  })
})
