import { describe, expect, it } from 'vitest'
import { graceMs, retryDelayMs, defaultRetryPolicy, shardCounts } from './index.ts'
import { Bench, offsets, record } from './machine.fixture.ts'

const twoAttempts = { retry: { ...defaultRetryPolicy, quickDelaysMs: [100], maxAttempts: 2 } }

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
    bench.machine.redrive(1)
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
    bench.machine.abandon('h', bench.now())
    expect(bench.machine.present('h', [bench.token(first!)]).size).toBe(1)
    expect(second).toMatchObject({ state: 'ready', suspect: false, attempts: 0 })
  })

  it('after a crash keeps no lease whose key has an earlier event that is not held', () => {
    const bench = new Bench()
    bench.publish('a', 'a')
    const [, second] = bench.claim('h')
    const token = bench.token(second!)
    bench.crash()
    expect(bench.machine.present('h', [token]).size).toBe(0)
  })
})

describe('a crash of the broker', () => {
  it('forgets acknowledgements that were not committed, and only those', () => {
    const bench = new Bench()
    bench.publish('a', 'b', 'c')
    const [first, second] = bench.claim('h')
    bench.settle(first!, { action: 'ack' })
    bench.commit()
    bench.settle(second!, { action: 'ack' })
    bench.crash()
    bench.advance(graceMs)
    const again: number[] = []
    for (let [entry] = bench.claim('next', 1); entry; [entry] = bench.claim('next', 1)) {
      again.push(entry.offset)
      bench.settle(entry, { action: 'ack' })
    }
    expect(again).toEqual([2, 3])
  })

  it('suspects nothing when every holder presents what it has', () => {
    const bench = new Bench()
    bench.publish('a', 'b', 'c')
    const claimed = bench.claim('h', 2)
    const tokens = claimed.map((entry) => bench.token(entry))
    bench.crash()
    expect([...bench.machine.present('h', tokens)]).toEqual(tokens)
    expect(offsets(bench.claim('other'))).toEqual([3])
    expect([...bench.machine.state.entries.values()].some(({ suspect }) => suspect)).toBe(false)
  })

  it('holds back what a missing holder may have had until the grace is over, while new keys flow', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.claim('h')
    bench.crash()
    for (let count = 0; count < 1_001; count++) bench.log.push(record(bench.log.length + 1, `new${count}`))
    bench.feed()
    const beyondTheMark = bench.claim('other', 2_000).map(({ offset }) => offset)
    expect(beyondTheMark).toEqual([1_002])
    bench.advance(graceMs)
    expect(bench.claim('other', 1)[0]).toMatchObject({ offset: 1, suspect: true, attempts: 1 })
  })

  it('gives a lease to nobody who presents it too late or under another name', () => {
    const bench = new Bench()
    bench.publish('a')
    const tokens = bench.claim('h').map((entry) => bench.token(entry))
    bench.crash()
    expect(bench.machine.present('somebody-else', tokens).size).toBe(0)
    bench.advance(graceMs)
    expect(bench.machine.present('h', tokens).size).toBe(0)
  })

  it('keeps retries, dead letters and pull leases with their times', () => {
    const bench = new Bench(twoAttempts)
    bench.publish('a', 'b', 'c')
    const [first, second] = bench.claim('puller', 2, 30_000)
    bench.settle(first!, { action: 'retry', reason: 'later' })
    bench.commit()
    bench.crash()
    expect(shardCounts(bench.machine)).toMatchObject({ retrying: 1, leased: 1, ready: 1 })
    expect(second!.offset).toBe(2)
    bench.advance(100)
    expect(bench.claim('h').map(({ offset, attempts }) => [offset, attempts])).toEqual([
      [1, 1],
      [3, 0],
    ])
    bench.advance(30_000)
    expect(shardCounts(bench.machine)).toMatchObject({ ready: 1, leased: 2 })
  })

  it('does not let a wall clock that was set back postpone a retry beyond its delay', () => {
    const bench = new Bench(twoAttempts)
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'retry', reason: 'later' })
    bench.machine.detach('h')
    bench.commit()
    bench.wallMs -= 86_400_000
    bench.crash()
    bench.advance(100)
    expect(bench.claim('h2')).toHaveLength(1)
  })
})

describe('suspects', () => {
  it('are handed out one at a time, their attempt committed before', () => {
    const bench = new Bench()
    bench.publish('a', 'b', 'c')
    bench.claim('dies')
    bench.machine.abandon('dies', bench.now())
    bench.advance(graceMs)
    const claim = bench.machine.claim({ holder: 'next', max: 10 }, bench.now())
    expect([offsets(claim.entries), claim.commitFirst]).toEqual([[1], true])
    expect(bench.claim('third')).toEqual([])
  })

  it('end as dead letters when they take their consumer along every time, and hold the floor, for nobody knows what became of them', () => {
    const bench = new Bench(twoAttempts)
    bench.publish('poison')
    for (let life = 0; life < 3; life++) {
      bench.claim(`life${life}`)
      bench.machine.abandon(`life${life}`, bench.now())
      bench.advance(graceMs)
      bench.advance(60_000)
    }
    bench.claim('last')
    bench.commit()
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1, ready: 0 })
    expect(bench.floor).toBe(0)
  })

  it('are innocent again once their handler answers', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.claim('dies')
    bench.machine.abandon('dies', bench.now())
    bench.advance(graceMs)
    const [entry] = bench.claim('next')
    bench.settle(entry!, { action: 'retry', reason: 'an honest failure' })
    expect(entry).toMatchObject({ suspect: false, attempts: 1 })
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
    bench.machine.redrive(1)
    bench.commit()
    expect(bench.floor).toBe(0)
  })

  it('does not pass an event that waits behind a dead letter', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'dead-letter', reason: 'no use' })
    bench.publish('a', 'b')
    bench.settle(bench.claim('h')[0]!, { action: 'ack' })
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
    expect([bench.floor, bench.ledger.size]).toEqual([6_000, 1])
  })
})

describe('seek()', () => {
  it('forgets the stories of the generation before, and none of those that begin in the same commit', () => {
    const bench = new Bench()
    bench.publish('a', 'b')
    const [first] = bench.claim('puller', 1, 30_000)
    bench.settle(first!, { action: 'dead-letter', reason: 'no use' })
    bench.commit()
    bench.machine.seek(0, 'skip')
    bench.feed()
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
    bench.machine.seek(0, 'missing')
    bench.feed()
    bench.commit()
    bench.machine.seek(0, 'run')
    bench.feed()
    expect(bench.claim('h').map((entry) => bench.machine.replay(entry))).toEqual(['run', undefined, undefined])
  })
})

describe('retryDelayMs()', () => {
  it('begins with the quick delays, then backs off with full jitter up to the most', () => {
    const delays = [1, 2, 3, 4, 5].map((attempt) => retryDelayMs(defaultRetryPolicy, attempt, 0.5))
    expect(delays).toEqual([100, 300, 1_000, 2_000, 4_000])
    expect(retryDelayMs(defaultRetryPolicy, 6, 0)).toBe(10_000)
    expect(retryDelayMs(defaultRetryPolicy, 23, 0.999_999)).toBeLessThanOrEqual(3_600_000)
    expect(retryDelayMs(defaultRetryPolicy, 23, 0.999_999)).toBeGreaterThan(3_500_000)
  })
})
