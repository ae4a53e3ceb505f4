import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Broker, Delivery, OutcomeAction } from '../broker/index.ts'
import { RetryError, TerminalError } from '../errors.ts'
import { sleep } from '../environment/index.ts'
import { consumerBench, handlerByHand, type ConsumerBench } from './consumer.fixture.ts'

let bench: ConsumerBench

beforeEach(async () => {
  bench = await consumerBench()
})
afterEach(() => bench.stop())

/** The broker, with some of its methods replaced. */
function instead(broker: Broker, methods: Partial<Broker>): Broker {
  return new Proxy(broker, {
    get(target, name: keyof Broker) {
      const method = methods[name] ?? target[name]
      return method.bind(target)
    },
  })
}

const ack = async (): Promise<OutcomeAction> => ({ action: 'ack' })

describe('consume()', () => {
  it('runs at most `concurrency` handlers at once and one at a time of each key', async () => {
    const { environment, publish, start } = bench
    const hand = handlerByHand()
    start({ handle: hand.handle, concurrency: 2 })
    await publish('a/1', 'a/2', 'b/3', 'c/4')
    await environment.advance(10)
    expect(hand.begun).toEqual(['1', '3'])
    hand.end('3')
    await environment.advance(10)
    hand.end('4')
    await publish('a/5')
    await environment.advance(10)
    expect(hand.begun).toEqual(['1', '3', '4'])
    hand.end('1')
    await environment.advance(10)
    hand.end('2')
    await environment.advance(10)
    expect(hand.begun).toEqual(['1', '3', '4', '2', '5'])
  })

  it('runs deliveries without a key side by side, and those of one key where no order is asked for', async () => {
    const { environment, publish, start } = bench
    const hand = handlerByHand()
    start({ handle: hand.handle, order: 'none' })
    await publish('/1', '/2', 'a/3', 'a/4')
    await environment.advance(10)
    expect(hand.begun).toEqual(['1', '2', '3', '4'])
  })

  it('takes what matters first of what it holds, also of a key that waits, and keeps the order of each priority', async () => {
    const { environment, broker, caller, start } = bench
    const subscription = 'mail.urgent'
    const policy = { priorities: [{ types: ['alarm'] }] }
    await broker.putSubscription(caller, { subscription, topic: 'sales.order', from: 'beginning', policy })
    const hand = handlerByHand()
    start({ handle: hand.handle, concurrency: 1, subscription })
    const publish = async (id: string, type: string): Promise<void> => {
      const event = { id, source: 'sales', type, key: 'a' }
      await broker.publish(caller, { topic: 'sales.order', events: [{ event }] })
      await environment.advance(10)
    }
    for (const id of ['1', '2', '3']) await publish(id, 'order')
    for (const id of ['4', '5']) await publish(id, 'alarm')
    for (const id of ['1', '4', '5', '2', '3']) {
      expect(hand.begun.at(-1)).toBe(id)
      hand.end(id)
      await environment.advance(10)
    }
  })

  it('never holds more than `prefetch`, and goes on as they are settled', async () => {
    const { environment, publish, start, stats } = bench
    const hand = handlerByHand()
    start({ handle: hand.handle, concurrency: 1, prefetch: 4 })
    await publish(...Array.from({ length: 20 }, (_, index) => `k${index}/${index}`))
    await environment.advance(10)
    expect(await stats()).toMatchObject({ leased: 4, ready: 16 })
    for (let index = 0; index < 20; index++) {
      await environment.advance(1)
      expect((await stats()).leased).toBeLessThanOrEqual(4)
      hand.end(hand.begun.at(-1) ?? '')
    }
    await environment.advance(10)
    expect(await stats()).toMatchObject({ acknowledged: 20, pending: 0 })
  })

  it('lets nothing of a key run after a failure until the failed delivery came again', async () => {
    const { environment, publish, start, stats } = bench
    const seen: string[] = []
    const handle = async ({ event, attempt }: Delivery): Promise<OutcomeAction> => {
      seen.push(event.id)
      if (event.id === '2' && attempt === 1) throw new Error('once')
      return { action: 'ack' }
    }
    start({ handle })
    await publish('a/1', 'a/2', 'a/3', 'a/4', 'b/5')
    await environment.advance(50)
    expect(seen).toEqual(['1', '5', '2'])
    await environment.advance(200)
    expect(seen).toEqual(['1', '5', '2', '2', '3', '4'])
    expect(await stats()).toMatchObject({ acknowledged: 5, pending: 0 })
  })

  it('runs nothing of a key that was sent before the broker knew of the failure', async () => {
    const { environment, broker, publish, start, stats } = bench
    const slow = instead(broker, {
      async settle(...call) {
        await sleep(environment, 100)
        return await broker.settle(...call)
      },
    })
    const hand = handlerByHand()
    start({ handle: hand.handle }, slow)
    await publish('a/1')
    await environment.advance(10)
    hand.end('1', { action: 'retry', reason: 'not yet' })
    await environment.advance(10)
    await publish('a/2')
    await environment.advance(10)
    expect(await stats()).toMatchObject({ leased: 2 })
    await environment.advance(300)
    hand.end('1')
    await environment.advance(300)
    hand.end('2')
    await environment.advance(300)
    expect(hand.begun).toEqual(['1', '1', '2'])
  })

  it('runs, settles and pays credit for once what the network delivers three times', async () => {
    const { environment, broker, publish, start, stats } = bench
    const settled: string[] = []
    const repeating = instead(broker, {
      stream(caller, request) {
        const onDeliveries = (deliveries: readonly Delivery[]): void => {
          request.onDeliveries(deliveries)
          request.onDeliveries(deliveries)
          environment.timers.after(5, () => request.onDeliveries(deliveries))
        }
        return broker.stream(caller, { ...request, onDeliveries })
      },
      settle(caller, request) {
        settled.push(...request.outcomes.map(({ lease }) => lease))
        return broker.settle(caller, request)
      },
    })
    const hand = handlerByHand()
    start({ handle: hand.handle, concurrency: 1, prefetch: 4 }, repeating)
    await publish(...Array.from({ length: 20 }, (_, index) => `k${index}/${index}`))
    for (let turn = 0; turn < 20; turn++) {
      await environment.advance(10)
      expect((await stats()).leased).toBeLessThanOrEqual(4)
      hand.end(hand.begun.at(-1) ?? '')
    }
    await environment.advance(10)
    expect(hand.begun).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`))
    expect(new Set(settled).size).toBe(settled.length)
    expect(await stats()).toMatchObject({ acknowledged: 20, pending: 0 })
  })

  it('settles in batches: whatever finished during a settle call goes in the next', async () => {
    const { environment, broker, publish, start } = bench
    const batches: number[] = []
    const slow = instead(broker, {
      async settle(...call) {
        batches.push(call[1].outcomes.length)
        await sleep(environment, 100)
        return await broker.settle(...call)
      },
    })
    const hand = handlerByHand()
    start({ handle: hand.handle }, slow)
    await publish('a/1', 'b/2', 'c/3', 'd/4')
    await environment.advance(10)
    hand.end('1')
    await environment.advance(10)
    for (const id of ['2', '3', '4']) hand.end(id)
    await environment.advance(50)
    expect(batches).toEqual([1])
    await environment.advance(200)
    expect(batches).toEqual([1, 3])
  })

  it('dead-letters a TerminalError, retries a RetryError not before its time, and any other error with its reason', async () => {
    const { environment, broker, caller, subscription, publish, start, stats } = bench
    const attempts: string[] = []
    const handle = async ({ event }: Delivery): Promise<OutcomeAction> => {
      attempts.push(event.id)
      if (event.id === '1') throw new TerminalError('no address')
      if (event.id === '2') throw new RetryError('busy', { afterMs: 5_000 })
      throw new TypeError('undefined is not a function')
    }
    start({ handle })
    await publish('a/1', 'b/2', 'c/3')
    await environment.advance(50)
    const { deadLetters } = await broker.deadLetters(caller, { subscription })
    expect(deadLetters).toMatchObject([{ reason: 'TerminalError: no address', attempts: 1 }])
    const explained = await broker.explain(caller, { subscription, event: { source: 'sales', id: '3' } })
    expect(explained).toMatchObject({ state: 'retrying', reason: 'TypeError: undefined is not a function' })
    await environment.advance(4_900)
    expect(attempts.filter((id) => id === '2')).toHaveLength(1)
    await environment.advance(200)
    expect(attempts.filter((id) => id === '2')).toHaveLength(2)
    expect(await stats()).toMatchObject({ dead: 1 })
  })
})

it('an outage costs no event an attempt, and ends with the first success: handlers only throw what they meet', async () => {
  const { environment, broker, caller, subscription, publish, start, stats } = bench
  let open = false
  const handled: string[] = []
  const handle = async ({ event, attempt }: Delivery): Promise<OutcomeAction> => {
    if (!open) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    handled.push(`${event.id}, attempt ${attempt}`)
    return { action: 'ack' }
  }
  start({ handle })
  await publish('a/1', 'b/2', 'c/3', 'd/4', 'e/5')
  await environment.advance(3_600_000)
  const { outage, dead } = await broker.stats(caller, subscription)
  expect([outage?.class, dead]).toEqual(['ECONNREFUSED', 0])
  open = true
  await environment.advance(2_000)
  expect(handled.sort()).toEqual(['1', '2', '3', '4', '5'].map((id) => `${id}, attempt 1`))
  expect(await stats()).not.toHaveProperty('outage')
})

describe('stop()', () => {
  it('finishes what runs and returns the rest unattempted', async () => {
    const { environment, publish, start, stats } = bench
    const hand = handlerByHand()
    const consumer = start({ handle: hand.handle, concurrency: 1 })
    await publish('a/1', 'a/2', 'b/3')
    await environment.advance(10)
    const stopped = consumer.stop()
    await environment.advance(100)
    hand.end('1')
    await environment.advance(10)
    await stopped
    expect(hand.begun).toEqual(['1'])
    expect(await stats()).toMatchObject({ acknowledged: 1, ready: 2, leased: 0, consumers: 0 })
  })

  it('waits 10 s for a handler that hangs, tells it by its signal, and gives its delivery back', async () => {
    const { environment, publish, start, stats } = bench
    let signal: AbortSignal | undefined
    const consumer = start({
      handle: (_, hold) => {
        signal = hold.signal
        return new Promise(() => {})
      },
    })
    await publish('a/1')
    await environment.advance(10)
    const stopped = consumer.stop()
    await environment.advance(9_000)
    expect(signal?.aborted).toBe(false)
    await environment.advance(2_000)
    await stopped
    expect(signal?.aborted).toBe(true)
    expect(await stats()).toMatchObject({ ready: 1, leased: 0 })
  })

  it('can be called twice, and before the stream is open; the consumer can start again', async () => {
    const { environment, publish, start, stats } = bench
    const consumer = start({ handle: ack })
    await Promise.all([consumer.stop(), consumer.stop()])
    await publish('a/1')
    await environment.advance(10)
    expect(await stats()).toMatchObject({ pending: 1, consumers: 0 })
    consumer.start()
    await environment.advance(10)
    expect(await stats()).toMatchObject({ pending: 0, consumers: 1 })
  })
})
