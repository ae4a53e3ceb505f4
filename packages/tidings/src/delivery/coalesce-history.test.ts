import { describe, expect, it } from 'vitest'
import { mulberry32 } from '../testing/index.ts'
import type { Entry } from './entry.ts'
import { defaultRetryPolicy, shardCounts } from './index.ts'
import { Bench } from './machine.fixture.ts'

const intervalMs = 1_000
const urgent = { subject: 'revoked' }
const policy = { onDeadLetter: 'supersede', coalesce: { intervalMs, urgent: { exact: urgent } } } as const

describe('random histories under coalescing', () => {
  it('keep each key to one in flight and one per interval, and end with its newest value', () => {
    for (let seed = 1; seed <= 300; seed++) history(seed)
  })
})

/** Publishes, claims, settles, fails, breaks streams and crashes at random; then lets everything come to rest. */
function history(seed: number): void {
  const random = mulberry32(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const bench = new Bench({ ...policy, retry: { ...defaultRetryPolicy, maxAttempts: 3 } }, random)
  const handedOutAt = new Map<string, number>()
  const seen = new Set<number>()
  const last = new Map<string, number>()
  let hands: Entry[] = []
  const claim = (): void => {
    for (const entry of bench.claim('h', 1 + below(5))) {
      const key = entry.queue.key!
      expect([seed, entry.queue.leased]).toEqual([seed, 1])
      const waited = bench.nowMs - (handedOutAt.get(key) ?? -Infinity)
      const mayNotWait = seen.has(entry.offset) || entry.urgent === true
      expect([seed, mayNotWait || waited >= intervalMs]).toEqual([seed, true])
      handedOutAt.set(key, bench.nowMs)
      seen.add(entry.offset)
      hands.push(entry)
    }
  }
  const settle = (action: 'ack' | 'retry' | 'dead-letter' | 'wait' | 'release'): void => {
    const [entry] = hands.splice(below(hands.length), 1)
    const key = entry?.queue.key
    if (!entry || key === undefined || bench.settle(entry, { action, reason: 'so' }) !== 'settled') return
    if (action !== 'ack') return
    expect([seed, entry.offset]).toEqual([seed, Math.max(entry.offset, last.get(key) ?? 0)])
    last.set(key, entry.offset)
  }
  const crash = (): void => {
    bench.commit()
    bench.crash()
    handedOutAt.clear()
    hands = []
  }
  for (let step = 0; step < 100; step++) {
    const what = below(12)
    if (what < 4) bench.publishEvent(['a', 'b', 'c'][below(3)], random() < 0.2 ? urgent : {})
    else if (what < 7) claim()
    else if (what < 9) settle((['ack', 'ack', 'retry', 'dead-letter', 'wait', 'release'] as const)[below(6)]!)
    else if (what < 11) bench.advance([1, 300, 1_000, 3_000][below(4)]!)
    else if (random() < 0.3) crash()
  }
  bench.machine.holders.detach('h')
  for (let round = 0; round < 20; round++) {
    bench.advance(60_000)
    for (const offset of bench.dead()) bench.redrive(offset)
    hands = []
    for (claim(); hands.length > 0;) settle('ack')
  }
  const newest = new Map(bench.log.map(({ event, offset }) => [event.key!, offset]))
  const { acknowledged, superseded, ...counts } = shardCounts(bench.machine)
  expect([seed, [...last].toSorted()]).toEqual([seed, [...newest].toSorted()])
  expect([seed, acknowledged + superseded]).toEqual([seed, bench.log.length])
  expect(Object.values(counts).every((count) => count === 0)).toBe(true)
}
