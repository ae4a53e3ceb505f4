import { smallDisk } from '@tidings/tools/small-disk'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AppendRequest } from '../../engine/index.ts'
import { embeddedEngine } from './index.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

function requestsOf(call: number): AppendRequest[] {
  return ['a', 'b', 'c'].map((part) => ({
    event: { id: `${call}${part}`, source: '/crm', type: 't', key: part, data: new Uint8Array(20_000) },
    shard: 0,
    producer: { id: `outbox-${part}`, epoch: 1, counter: call },
  }))
}

/** LMDB has a stack to print for each commit that fails; whoever wrote is told, and that is enough. */
const printed: unknown[] = []
const print = console.error
beforeEach(() => {
  printed.length = 0
  console.error = (...words: unknown[]) => void printed.push(words)
})
afterEach(() => {
  console.error = print
})

describe('a full disk', () => {
  test('refuses as store-full, loses nothing, stores nothing in half, and goes on when there is room', async (context) => {
    const { path, free } = await smallDisk(context)
    const fatal: Error[] = []
    const engine = embeddedEngine({ path, onFatal: (error) => fatal.push(error) })
    await engine.start()
    await engine.log.create(topic, { kind: 'entity', shards: 1 })
    const ownership = await engine.ledger.own(ledger)
    await engine.ledger.commit(ownership, [{ key: 'a', value: '1' }])
    let refusal: unknown
    let call = 0
    while (!refusal) {
      call += 1
      await engine.log.append(topic, requestsOf(call)).catch((error: unknown) => (refusal = error))
    }
    expect(call).toBeGreaterThan(10)
    expect(refusal).toMatchObject({
      code: 'store-full',
      retryable: true,
      message: expect.stringMatching(
        /no room to write to .*data\.mdb .*nothing was stored\. Free some space and try again/,
      ),
    })
    expect((await engine.stats()).refusing).toContain('no room')

    const page = await engine.log.read(topic, { after: 0, limit: 10_000 })
    expect(page.records).toHaveLength((call - 1) * 3)
    expect((await engine.log.describe(topic))?.head).toBe((call - 1) * 3)
    expect(await engine.log.producer(topic, 'outbox-a')).toEqual({ epoch: 1, counter: call - 1 })
    const big = [{ key: 'a', value: 'x'.repeat(3_000_000) }]
    await expect(engine.ledger.commit(ownership, big)).rejects.toMatchObject({ code: 'store-full' })
    expect(await engine.ledger.load(ledger, {}, 10)).toEqual([{ key: 'a', value: '1' }])

    await free()
    expect((await engine.stats()).refusing).toBeUndefined()
    const answers = await engine.log.append(topic, requestsOf(call))
    const head = (call - 1) * 3
    expect(answers).toEqual([1, 2, 3].map((place) => ({ status: 'stored', offset: head + place, stale: false })))
    expect((await engine.stats()).refusing).toBeUndefined()
    await engine.ledger.commit(ownership, [{ key: 'a', value: '2' }])
    await engine.stop()

    await engine.start()
    const again = await engine.log.read(topic, { after: 0, limit: 10_000 })
    expect(again.records.map(({ offset }) => offset)).toEqual(Array.from({ length: head + 3 }, (_, index) => index + 1))
    expect(await engine.ledger.load(ledger, {}, 10)).toEqual([{ key: 'a', value: '2' }])
    await engine.stop()
    expect([fatal, printed]).toEqual([[], []])
  })

  test('refuses what was sent behind a refused call, and everything may be sent again', async (context) => {
    const { path, free } = await smallDisk(context)
    const engine = embeddedEngine({ path })
    await engine.start()
    await engine.log.create(topic, { kind: 'entity', shards: 1 })
    const calls = Array.from({ length: 60 }, (_, index) => index + 1)
    const send = (call: number): Promise<unknown> => engine.log.append(topic, requestsOf(call))
    const owning = (): Promise<unknown> => engine.ledger.own(ledger)
    const sent = calls.flatMap((call) => [send(call), call % 20 === 0 ? owning() : undefined])
    const later: Promise<unknown>[] = []
    // Others arrive while the first ones are being written.
    await new Promise((resolve) => setImmediate(resolve))
    for (const call of [61, 62, 63]) later.push(send(call))
    const outcomes = await Promise.allSettled([...sent, ...later])
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
    expect((await engine.log.describe(topic))?.head).toBe(
      (await engine.log.read(topic, { after: 0, limit: 999 })).records.length,
    )

    await free()
    for (const call of [...calls, 61, 62, 63]) await send(call)
    const { records } = await engine.log.read(topic, { after: 0, limit: 999 })
    expect(records.map(({ event }) => event.id)).toEqual(
      [...calls, 61, 62, 63].flatMap((call) => requestsOf(call).map(({ event }) => event.id)),
    )
    const granted = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const epochs = granted.flatMap((value) =>
      value && typeof value === 'object' && 'epoch' in value ? [value.epoch as number] : [],
    )
    expect((await engine.ledger.own(ledger)).epoch).toBe(Math.max(0, ...epochs) + 1)
    await engine.stop()
    expect(printed).toEqual([])
  })
})
