import { describe, expect, it } from 'vitest'
import { defaultRetryPolicy, graceMs, shardCounts } from './index.ts'
import { Bench, offsets, record } from './machine.fixture.ts'

const twoAttempts = { retry: { ...defaultRetryPolicy, quickDelaysMs: [100], maxAttempts: 2 } }

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
    expect([...bench.machine.holders.present('h', tokens)]).toEqual(tokens)
    expect(offsets(bench.claim('other'))).toEqual([3])
    expect([...bench.machine.state.entries.values()].some(({ suspect }) => suspect)).toBe(false)
  })

  it('holds back what a missing holder may have had until the grace is over, while new keys flow', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.claim('h')
    bench.crash()
    for (let count = 0; count < 101; count++) bench.log.push(record(bench.log.length + 1, `new${count}`))
    bench.feed()
    const beyondTheMark = bench.claim('other', 2_000).map(({ offset }) => offset)
    expect(beyondTheMark).toEqual([102])
    bench.advance(graceMs)
    expect(bench.claim('other', 1)[0]).toMatchObject({ offset: 1, suspect: true, attempts: 1 })
  })

  it('gives a lease to nobody who presents it too late or under another name', () => {
    const bench = new Bench()
    bench.publish('a')
    const tokens = bench.claim('h').map((entry) => bench.token(entry))
    bench.crash()
    expect(bench.machine.holders.present('somebody-else', tokens).size).toBe(0)
    bench.advance(graceMs)
    expect(bench.machine.holders.present('h', tokens).size).toBe(0)
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
    bench.machine.holders.detach('h')
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
    bench.publish('z', 'a', 'b', 'c')
    // Its first claim commits the holder and the lease mark: what is left to commit is the attempt.
    bench.claim('next', 1)
    bench.claim('dies')
    bench.machine.holders.abandon('dies', bench.now())
    bench.advance(graceMs)
    const claim = bench.machine.claim({ holder: 'next', max: 10 }, bench.now())
    expect([offsets(claim.entries), claim.commitFirst]).toEqual([[2], true])
    expect(bench.claim('third')).toEqual([])
  })

  it('go two, four and more at once while they are answered, not counted, and alone again after the next crash', () => {
    const bench = new Bench()
    bench.publish(...Array.from({ length: 12 }, (_, index) => `key${index}`))
    const crash = (holder: string): void => {
      bench.machine.holders.abandon(holder, bench.now())
      bench.advance(graceMs)
    }
    bench.claim('dies')
    crash('dies')
    for (const expected of [[1], [2, 3], [4, 5, 6, 7]]) {
      const claimed = bench.claim('next')
      expect(offsets(claimed)).toEqual(expected)
      expect(claimed.map(({ attempts }) => attempts)).toEqual(expected.length === 1 ? [1] : expected.map(() => 0))
      for (const entry of claimed) bench.settle(entry, { action: 'ack' })
    }
    expect(offsets(bench.claim('next'))).toEqual([8, 9, 10, 11, 12])
    crash('next')
    expect(bench.claim('after').map(({ offset, attempts }) => [offset, attempts])).toEqual([[8, 1]])
  })

  it('end as dead letters when they take their consumer along every time, and hold the floor, for nobody knows what became of them', () => {
    const bench = new Bench(twoAttempts)
    bench.publish('poison')
    for (let life = 0; life < 3; life++) {
      bench.claim(`life${life}`)
      bench.machine.holders.abandon(`life${life}`, bench.now())
      bench.advance(graceMs)
      bench.advance(60_000)
    }
    bench.claim('last')
    bench.commit()
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1, ready: 0 })
    expect(bench.floor).toBe(0)
  })

  it('end as dead letters when they take the broker along every time, other keys unharmed', () => {
    const bench = new Bench(twoAttempts)
    bench.publish('poison', 'b')
    for (let life = 0; life < 3; life++) {
      bench.claim(`life${life}`, 1)
      bench.crash()
      bench.advance(graceMs + 60_000)
    }
    const [other] = bench.claim('last')
    expect(other).toMatchObject({ offset: 2 })
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1 })
  })

  it('are innocent again once their handler answers', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.claim('dies')
    bench.machine.holders.abandon('dies', bench.now())
    bench.advance(graceMs)
    const [entry] = bench.claim('next')
    bench.settle(entry!, { action: 'retry', reason: 'an honest failure' })
    expect(entry).toMatchObject({ suspect: false, attempts: 1 })
  })
})
