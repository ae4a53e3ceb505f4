import { describe, expect, it } from 'vitest'
import { retryDelayMs, defaultRetryPolicy, shardCounts } from './index.ts'
import { Bench, offsets } from './machine.fixture.ts'

describe('claim()', () => {
  it('gives different keys before it extends the run of one', () => {
    const bench = new Bench()
    bench.publish('hot', 'hot', 'hot', 'cold')
    expect(offsets(bench.claim('h', 2))).toEqual([1, 4])
  })

  it('lets the holder of a key have more of it, and nobody else', () => {
    const bench = new Bench()
    bench.publish('a', 'a', 'a')
    expect(offsets(bench.claim('h', 1))).toEqual([1])
    expect(bench.claim('other')).toEqual([])
    expect(offsets(bench.claim('h', 1))).toEqual([2])
  })

  it('ends a run after 64 events, so that a hot key does not starve others', () => {
    const bench = new Bench()
    bench.publish(...Array<string>(100).fill('a'))
    expect(bench.claim('h', 1_000)).toHaveLength(64)
  })

  it('keeps events without a key independent of each other', () => {
    const bench = new Bench()
    bench.publish(undefined, undefined)
    expect(offsets(bench.claim('h', 1))).toEqual([1])
    expect(offsets(bench.claim('other', 1))).toEqual([2])
  })

  it('commits the lease mark before it hands out anything above it, and not for every hand-out', () => {
    const bench = new Bench()
    bench.publish('a', 'b')
    const claim = (max: number) => bench.machine.claim({ holder: 'h', max }, bench.now())
    expect(claim(1).commitFirst).toBe(true)
    expect(claim(1).commitFirst).toBe(false)
  })
})

describe('settle()', () => {
  it('refuses an acknowledgement out of order', () => {
    const bench = new Bench()
    bench.publish('a', 'a')
    const [first, second] = bench.claim('h')
    expect(bench.settle(second!, { action: 'ack' })).toBe('lease-out-of-order')
    expect(bench.settle(first!, { action: 'ack' })).toBe('settled')
    expect(bench.settle(second!, { action: 'ack' })).toBe('settled')
  })

  it('takes the rest of a run back where one of it fails', () => {
    const bench = new Bench()
    bench.publish('a', 'a')
    const [first, second] = bench.claim('h')
    bench.settle(first!, { action: 'retry', reason: 'not yet' })
    expect(second).toMatchObject({ state: 'ready', attempts: 0 })
    expect(bench.settle(second!, { action: 'ack' })).toBe('lease-lost')
  })

  it('does not extend a run in front of which a redriven event stands', () => {
    const bench = new Bench({ onDeadLetter: 'continue' })
    bench.publish('a', 'a', 'a', 'a')
    bench.settle(bench.claim('h', 1)[0]!, { action: 'dead-letter', reason: 'no use' })
    const run = bench.claim('h', 2)
    bench.redrive(1)
    expect(bench.claim('h')).toEqual([])
    for (const entry of run) bench.settle(entry, { action: 'ack' })
    expect(offsets(bench.claim('h'))).toEqual([1, 4])
  })
})

describe('present()', () => {
  it('hands out again, as if it had never gone out, what the holder does not present', () => {
    const bench = new Bench()
    bench.publish('a', 'b')
    const [first, second] = bench.claim('h')
    bench.machine.holders.abandon('h', bench.now())
    expect(bench.machine.holders.present('h', [bench.token(first!)]).size).toBe(1)
    expect(second).toMatchObject({ state: 'ready', suspect: false, attempts: 0 })
  })

  it('after a crash keeps no lease whose key has an earlier event that is not held', () => {
    const bench = new Bench()
    bench.publish('a', 'a')
    const [, second] = bench.claim('h')
    const token = bench.token(second!)
    bench.crash()
    expect(bench.machine.holders.present('h', [token]).size).toBe(0)
  })
})

describe('a stream', () => {
  it('gets no lease of another by presenting it', () => {
    const bench = new Bench()
    bench.publish('a')
    const [entry] = bench.claim('h')
    expect(bench.machine.holders.present('thief', [bench.token(entry!)]).size).toBe(0)
    expect(entry).toMatchObject({ state: 'leased', lease: { holder: 'h' } })
  })

  it('that ends in good order returns what it holds at once, unattempted', () => {
    const bench = new Bench()
    bench.publish('a', 'a', 'b')
    bench.claim('h')
    bench.machine.holders.detach('h')
    const again = bench.claim('other')
    expect(offsets(again)).toEqual([1, 2, 3])
    for (const entry of again) expect(entry).toMatchObject({ attempts: 0, suspect: false })
  })
})

describe('the floor', () => {
  it('passes a dead letter whose handler reported failure, and comes back when it is redriven', () => {
    const bench = new Bench()
    bench.publish('a', 'b')
    const [first, second] = bench.claim('h')
    bench.settle(first!, { action: 'dead-letter', reason: 'no use' })
    bench.settle(second!, { action: 'ack' })
    bench.commit()
    expect(bench.floor).toBe(2)
    bench.redrive(1)
    bench.commit()
    expect(bench.floor).toBe(0)
  })

  it('passes an event that is parked behind a dead letter, and comes back when it is handed out', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'dead-letter', reason: 'no use' })
    bench.publish('a', 'b')
    bench.settle(bench.claim('h')[0]!, { action: 'ack' })
    bench.commit()
    expect(bench.floor).toBe(3)
    bench.discard(1)
    bench.commit()
    expect(bench.floor).toBe(1)
  })

  it('is told only once it is committed', () => {
    const bench = new Bench()
    bench.publish('a')
    const [entry] = bench.claim('h')
    bench.settle(entry!, { action: 'ack' })
    expect(bench.floor).toBe(0)
    bench.commit()
    expect(bench.floor).toBe(1)
  })
})

describe('the ledger', () => {
  it('gets one entry for a commit of plain acknowledgements', () => {
    const bench = new Bench()
    bench.publish(...Array.from({ length: 100 }, (_, index) => `k${index}`))
    for (const entry of bench.claim('h').toReversed()) bench.settle(entry, { action: 'ack' })
    expect(bench.machine.takeCommit()?.changes).toHaveLength(1)
  })

  it('stays bounded while an old event is held and thousands behind it are acknowledged', () => {
    const bench = new Bench()
    bench.publish(...Array.from({ length: 6_000 }, (_, index) => `k${index % 4_000}`))
    const blocked = bench.claim('slow', 2_400)
    for (let batch = bench.claim('quick'); batch.length > 0; batch = bench.claim('quick')) {
      for (const entry of batch) bench.settle(entry, { action: 'ack' })
    }
    bench.commit()
    expect(bench.floor).toBe(0)
    expect(JSON.parse(bench.ledger.get('state')!).open.length).toBeLessThanOrEqual(2_048)
    for (const entry of blocked) bench.settle(entry, { action: 'ack' })
    for (let batch = bench.claim('quick'); batch.length > 0; batch = bench.claim('quick')) {
      for (const entry of batch) bench.settle(entry, { action: 'ack' })
    }
    bench.commit()
    expect([bench.floor, bench.places()]).toEqual([6_000, ['state']])
  })
})

describe('seek()', () => {
  it('forgets the stories of the generation before, and none of those that begin in the same commit', () => {
    const bench = new Bench()
    bench.publish('a', 'b')
    const [first] = bench.claim('puller', 1, 30_000)
    bench.settle(first!, { action: 'dead-letter', reason: 'no use' })
    bench.commit()
    bench.seek(0, 'skip')
    const again = bench.machine.claim({ holder: 'next', max: 1, leaseMs: 30_000 }, bench.now())
    bench.commit()
    expect(offsets(again.entries)).toEqual([1])
    bench.crash()
    expect(shardCounts(bench.machine)).toMatchObject({ leased: 1, ready: 1, dead: 0 })
  })

  it('calls a replay only what an earlier generation acknowledged', () => {
    const bench = new Bench()
    bench.publish('a', 'b', 'c')
    const [first, second] = bench.claim('h')
    bench.settle(first!, { action: 'ack' })
    bench.settle(second!, { action: 'dead-letter', reason: 'no use' })
    bench.seek(0, 'missing')
    bench.commit()
    bench.seek(0, 'run')
    expect(bench.claim('h').map((entry) => bench.machine.replay(entry))).toEqual(['run', undefined, undefined])
  })
})

describe('retryDelayMs()', () => {
  it('begins with the quick delays, then backs off with full jitter up to the most', () => {
    const delays = [1, 2, 3, 4, 5].map((attempt) => retryDelayMs(defaultRetryPolicy, attempt, 0.5))
    expect(delays).toEqual([100, 300, 1_000, 2_000, 4_000])
    expect(retryDelayMs(defaultRetryPolicy, 6, 0)).toBe(10_000)
    expect([0, 0.5].map((chance) => retryDelayMs(defaultRetryPolicy, 8, chance))).toEqual([10_000, 25_000])
    expect(retryDelayMs(defaultRetryPolicy, 23, 0.999_999)).toBeLessThanOrEqual(3_600_000)
    expect(retryDelayMs(defaultRetryPolicy, 23, 0.999_999)).toBeGreaterThan(3_500_000)
  })
})
