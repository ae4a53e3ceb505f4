import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { allowAll, createBroker, type Broker, type Delivery } from '../broker/index.ts'
import type { Database } from '../database/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { everyDatabase } from '../testing/databases.fixture.ts'
import { Inbox, inboxMigrations, recover } from './index.ts'

const caller = { namespace: 'default', principal: 'mail' }
const subscription = 'mail.thank'
let broker: Broker
let database: Database
let inbox: Inbox

async function publish(...ids: string[]): Promise<void> {
  const events = ids.map((id) => ({ event: { id, source: 'sales', type: 'sales.order' } }))
  await broker.publish(caller, { topic: 'sales.order', events })
}

const subscribe = (from: 'beginning' | 'end') =>
  broker.putSubscription(caller, { subscription, topic: 'sales.order', from })
const pull = async () => (await broker.pull(caller, { subscription, max: 10 })).deliveries

async function recoverNow(wantsEverything: boolean) {
  const description = await broker.subscription(caller, subscription)
  return await recover({ broker, caller, database, inbox, description, wantsEverything })
}

async function apply(delivery: Delivery): Promise<void> {
  const counter = await database.transaction((transaction) => inbox.insert(transaction, delivery))
  if (counter !== undefined) await inbox.confirm(counter)
}

/** As a life of the database did that is lost: acknowledged, but not written down here. */
async function acknowledgeElsewhere(deliveries: readonly Delivery[]): Promise<void> {
  const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
  await broker.settle(caller, { subscription, outcomes, watermark: 50 })
}

describe.each(everyDatabase)('recover() in %s', (_, openDatabase) => {
  beforeEach(async (context) => {
    const opened = await openDatabase(context)
    const { environment } = opened
    database = opened.database
    broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
    await broker.start()
    await broker.putTopic(caller, { topic: 'sales.order', kind: 'event', owner: 'sales' })
    await database.migrate(inboxMigrations(database.dialect))
    inbox = await Inbox.open({ database, environment, subscription, onTrouble: () => undefined })
  })
  afterEach(() => broker.stop())

  it('leaves a database alone that knows everything that the broker has seen of it', async () => {
    await subscribe('beginning')
    expect(await recoverNow(true)).toBe('known')
    await publish('e1')
    const [delivery] = await pull()
    if (delivery) await apply(delivery)
    await broker.settle(caller, {
      subscription,
      outcomes: [{ lease: delivery?.lease ?? '', action: 'ack' }],
      watermark: inbox.counter,
    })
    expect(await recoverNow(true)).toBe('known')
    expect((await broker.subscription(caller, subscription)).generation).toBe(1)
  })

  it('goes back once, to where the database stands, and counts what it applied whether or not that was acknowledged', async () => {
    await publish('before')
    await subscribe('end')
    await recoverNow(false)
    await publish('e1', 'e2', 'e3')
    const [first, ...others] = await pull()
    if (first) await apply(first)
    await acknowledgeElsewhere(others)

    expect(await recoverNow(false)).toBe('went-back')
    const again = await pull()
    expect(again.map(({ event, generation, replay }) => [event.id, generation, replay])).toEqual([
      ['e1', 2, undefined],
      ['e2', 2, 'missing'],
      ['e3', 2, 'missing'],
    ])
    expect(await Promise.all(again.map((delivery) => inbox.has(delivery)))).toEqual([true, false, false])
    expect(inbox.counter).toBeGreaterThanOrEqual(50)
    expect(await recoverNow(false)).toBe('known')
  })

  it('gives out higher counters than those that are lost from then on', async () => {
    await subscribe('beginning')
    await publish('e1')
    await acknowledgeElsewhere(await pull())
    expect(await recoverNow(true)).toBe('went-back')
    const [delivery] = await pull()
    if (delivery) await apply(delivery)
    expect(inbox.counter).toBeGreaterThan(50)
  })

  it('begins from the beginning where the database is older than the subscription and that wants everything', async () => {
    await publish('e1')
    await subscribe('beginning')
    await acknowledgeElsewhere(await pull())
    expect(await recoverNow(true)).toBe('went-back')
    expect((await pull()).map(({ event }) => event.id)).toEqual(['e1'])
  })

  it('says that it cannot know, once, where the database is older than a subscription to what is new', async () => {
    await subscribe('end')
    await publish('e1')
    await acknowledgeElsewhere(await pull())
    expect(await recoverNow(false)).toBe('older')
    expect(await recoverNow(false)).toBe('known')
    expect(await pull()).toEqual([])
  })

  it('takes everything that there is when the topic has begun another life', async () => {
    await subscribe('beginning')
    await recoverNow(true)
    await broker.removeTopic(caller, 'sales.order')
    await broker.putTopic(caller, { topic: 'sales.order', kind: 'event', owner: 'sales' })
    await subscribe('beginning')
    await publish('e1')
    await acknowledgeElsewhere(await pull())
    expect(await recoverNow(true)).toBe('went-back')
    expect((await pull()).map(({ event }) => event.id)).toEqual(['e1'])
  })
})
