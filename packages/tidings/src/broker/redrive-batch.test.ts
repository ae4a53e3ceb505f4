import { beforeEach, describe, expect, it } from 'vitest'
import type { Engine } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { TidingsError } from '../errors.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type Broker } from './index.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'shop.order'
const subscription = 'mail.thanks'

let environment: SimulatedEnvironment
let engine: Engine

beforeEach(() => {
  environment = simulatedEnvironment()
  engine = memoryEngine({ environment })
})

async function open(store = engine): Promise<Broker> {
  const broker = createBroker({ engine: store, authorize: allowAll, environment })
  await broker.start()
  return broker
}

async function publish(broker: Broker, ...ids: string[]): Promise<void> {
  await broker.publish(caller, {
    topic,
    events: ids.map((id) => ({ event: { id, source: 's', type: topic, key: id } })),
  })
}

/** Settles whatever may be handed out, and answers its ids. */
async function settle(broker: Broker, action: 'ack' | 'dead-letter'): Promise<string[]> {
  const { deliveries } = await broker.pull(caller, { subscription, max: 100 })
  const outcomes = deliveries.map(({ lease }) => ({ lease, action, reason: 'no use' }))
  await broker.settle(caller, { subscription, outcomes })
  return deliveries.map(({ event }) => event.id)
}

async function openWithDead(...ids: string[]): Promise<Broker> {
  const broker = await open()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  await publish(broker, ...ids)
  expect(await settle(broker, 'dead-letter')).toEqual(ids)
  await environment.advance(1_000)
  return broker
}

/** The process ends as soon as a redrive has written down a batch: nothing else that it does reaches the store. */
function endingAfterBatch(store: Engine): Engine {
  let gone = false
  const alive = <Result>(run: () => Promise<Result>): Promise<Result> =>
    gone ? Promise.reject(new TidingsError('store-failed', 'The process is gone.')) : run()
  return {
    ...store,
    ledger: {
      ...store.ledger,
      own: (id, options) => alive(() => store.ledger.own(id, options)),
      load: (id, range, limit) => alive(() => store.ledger.load(id, range, limit)),
      commit: async (ownership, changes) => {
        await alive(() => store.ledger.commit(ownership, changes))
        if (changes.some(({ key, value }) => key.startsWith('j/') && /"batch":\[\d/.test(value ?? ''))) gone = true
      },
    },
  }
}

describe('a redrive', () => {
  it('that ends after a batch was written down and before it was handed back hands it back in the next life', async () => {
    await (await openWithDead('1', '2')).stop()
    const dying = await open(endingAfterBatch(engine))
    await dying.startRedrive(caller, { subscription }).catch(() => undefined)
    await environment.advance(100)
    const next = await open()
    await next.stats(caller, subscription)
    await environment.advance(1_000)
    expect(await next.redrives(caller, subscription)).toMatchObject([{ status: 'done', redriven: 2 }])
    expect(await settle(next, 'ack')).toEqual(['1', '2'])
    expect(await next.stats(caller, subscription)).toMatchObject({ dead: 0, acknowledged: 2 })
    await next.stop()
  })

  it('leaves alone what dies after it began', async () => {
    const broker = await openWithDead('1', '2')
    await broker.startRedrive(caller, { subscription, perSecond: 0.1 })
    await environment.advance(1)
    expect(await settle(broker, 'ack')).toEqual(['1'])
    await publish(broker, '3')
    expect(await settle(broker, 'dead-letter')).toEqual(['3'])
    const { deadLetters } = await broker.deadLetters(caller, { subscription })
    const { position } = deadLetters.find(({ event }) => event.id === '3')!
    await broker.replace(caller, { subscription, position, data: new TextEncoder().encode('{}') })
    expect(await settle(broker, 'dead-letter')).toEqual(['3'])
    await environment.advance(60_000)
    expect(await settle(broker, 'ack')).toEqual(['2'])
    expect(await broker.redrives(caller, subscription)).toMatchObject([{ status: 'done', redriven: 2, edited: 0 }])
    expect(await broker.stats(caller, subscription)).toMatchObject({ dead: 1, acknowledged: 2 })
    await broker.stop()
  })
})
