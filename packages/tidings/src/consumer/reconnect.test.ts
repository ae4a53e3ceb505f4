import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery } from '../broker/index.ts'
import { consumerBench, handlerByHand, type ConsumerBench } from './consumer.fixture.ts'
import type { HeldDelivery } from './hold.ts'
import { sleep } from '../environment/index.ts'
import { instead } from '../testing/instead.fixture.ts'
import { lineTo } from '../testing/line.ts'

let bench: ConsumerBench

beforeEach(async () => {
  bench = await consumerBench()
})
afterEach(() => bench.stop())

describe('a consumer whose line breaks', () => {
  it('keeps what it holds, finishes it once, and sends the outcomes that were not sent', async () => {
    const { environment, broker, publish, start, stats } = bench
    const line = lineTo(broker)
    const hand = handlerByHand()
    const troubles: string[] = []
    start({ handle: hand.handle, onTrouble: (error) => troubles.push(error.message) }, line.broker)
    await publish('a/1', 'a/2', 'b/3')
    await environment.advance(10)
    line.cut()
    hand.end('1')
    await environment.advance(1_000)
    expect(await stats()).toMatchObject({ acknowledged: 0, leased: 3 })
    line.mend()
    await environment.advance(1_000)
    hand.end('3')
    hand.end('2')
    await environment.advance(100)
    expect(hand.begun).toEqual(['1', '3', '2'])
    expect(await stats()).toMatchObject({ acknowledged: 3, pending: 0 })
    expect(troubles).toContain('The line to the broker is cut.')
  })

  it('says again what a broker refused that had not been presented the lease', async () => {
    const { environment, broker, publish, start, stats } = bench
    const line = lineTo(broker)
    const calls: string[] = []
    const restarted = instead(line.broker, {
      async stream(...call) {
        calls.push('stream')
        return await line.broker.stream(...call)
      },
      async settle(caller, request) {
        calls.push('settle')
        if (calls.length > 2) return await line.broker.settle(caller, request)
        // The broker starts anew while this call is on its way, and answers it before the stream is there.
        line.cut()
        line.mend()
        await sleep(environment, 1_000)
        const message = 'This lease has ended.'
        return request.outcomes.map(({ lease }) => ({ lease, status: 'refused', code: 'lease-lost', message }))
      },
    })
    const hand = handlerByHand()
    start({ handle: hand.handle }, restarted)
    await publish('a/1')
    await environment.advance(10)
    hand.end('1')
    await environment.advance(2_000)
    expect(calls).toEqual(['stream', 'settle', 'stream', 'settle'])
    expect(hand.begun).toEqual(['1'])
    expect(await stats()).toMatchObject({ acknowledged: 1, pending: 0 })
  })

  it('sends no outcome before its lease is presented', async () => {
    const { environment, broker, publish, start, stats } = bench
    const line = lineTo(broker)
    const calls: string[] = []
    const watched = instead(line.broker, {
      async stream(...call) {
        calls.push('stream')
        if (calls.length > 1) await sleep(environment, 500)
        return await line.broker.stream(...call)
      },
      settle(...call) {
        calls.push('settle')
        return line.broker.settle(...call)
      },
    })
    const hand = handlerByHand()
    start({ handle: hand.handle }, watched)
    await publish('a/1')
    await environment.advance(10)
    line.cut()
    line.mend()
    hand.end('1')
    await environment.advance(2_000)
    expect(calls).toEqual(['stream', 'stream', 'settle'])
    expect(await stats()).toMatchObject({ acknowledged: 1, pending: 0 })
  })

  it('aborts what runs when the broker gave its lease away, and drops its outcome', async () => {
    const { environment, broker, publish, start, stats } = bench
    const line = lineTo(broker)
    const signals: AbortSignal[] = []
    const hand = handlerByHand()
    const handle = (delivery: Delivery, { signal }: HeldDelivery) => {
      signals.push(signal)
      return hand.handle(delivery)
    }
    start({ handle }, line.broker)
    await publish('a/1')
    await environment.advance(10)
    line.cut()
    await environment.advance(3_000)
    start({ handle: async () => ({ action: 'ack' }) })
    await environment.advance(1_000)
    expect(await stats()).toMatchObject({ acknowledged: 1 })
    line.mend()
    await environment.advance(1_000)
    expect(signals[0]?.aborted).toBe(true)
    hand.end('1', { action: 'retry', reason: 'too late' })
    await environment.advance(100)
    expect(await stats()).toMatchObject({ acknowledged: 1, retrying: 0, pending: 0 })
  })

  it('lets go of what an operator took back by a seek', async () => {
    const { environment, broker, caller, subscription, publish, start, stats } = bench
    const hand = handlerByHand()
    const generations: number[] = []
    const handle = (delivery: Delivery, { signal }: HeldDelivery) => {
      generations.push(delivery.generation)
      signal.addEventListener('abort', () => hand.end('1'))
      return hand.handle(delivery)
    }
    start({ handle, concurrency: 1 })
    await publish('a/1', 'b/2')
    await environment.advance(10)
    await broker.seek(caller, { subscription, to: 'beginning' })
    for (let turn = 0; turn < 3; turn++) {
      await environment.advance(10)
      hand.end(hand.begun.at(-1) ?? '')
    }
    await environment.advance(10)
    expect(generations).toEqual([1, 2, 2])
    expect(await stats()).toMatchObject({ generation: 2, acknowledged: 2, pending: 0 })
  })
})
