import { describe, expect, it } from 'vitest'
import { shardCounts } from './index.ts'
import { scheduledRange } from './ledger-form.ts'
import { Bench, offsets } from './machine.fixture.ts'

const hourMs = 3_600_000

describe('a scheduled event', () => {
  it('is handed out when it is due, not before, and with an hour of them in memory at most', () => {
    const bench = new Bench()
    for (const delayMs of [1_000, 30 * hourMs, 2_000]) bench.publishLater(delayMs)
    bench.advance(999)
    expect(bench.claim('h')).toEqual([])
    bench.advance(1)
    expect(offsets(bench.claim('h'))).toEqual([1])
    bench.advance(1_000)
    expect(offsets(bench.claim('h'))).toEqual([3])
    for (let hour = 0; hour < 30; hour++) bench.advance(hourMs)
    expect(offsets(bench.claim('h'))).toEqual([2])
  })

  it('that comes while the schedule is being read from the ledger is not forgotten', () => {
    const bench = new Bench()
    bench.publishLater(5_000)
    const load = bench.machine.nextLoad(bench.now())!
    bench.commit()
    const found = bench.entries(load.range, load.limit)
    bench.publishLater(2_000)
    bench.machine.loaded(load, found)
    bench.advance(2_000)
    expect(offsets(bench.claim('h'))).toEqual([2])
    bench.advance(3_000)
    expect(offsets(bench.claim('h'))).toEqual([1])
  })

  it('beyond what memory may hold is read when its time comes near', () => {
    const bench = new Bench()
    const count = 25_000
    bench.load()
    for (let number = 0; number < count; number++) bench.log.push(bench.laterRecord(60_000 + (number % 1_000)))
    bench.feed()
    bench.advance(60_000)
    const handedOut = new Set<number>()
    for (let round = 0; round < 100 && handedOut.size < count; round++) {
      for (const entry of bench.claim('h', 10_000)) {
        handedOut.add(entry.offset)
        bench.settle(entry, { action: 'ack' })
      }
      bench.advance(100)
    }
    expect(handedOut.size).toBe(count)
    bench.commit()
    expect(bench.entries(scheduledRange)).toEqual([])
  })

  it.each(['was read', 'was not read yet'])(
    'beyond what memory may hold is in the ledger alone: its hour %s',
    (how) => {
      const bench = new Bench()
      if (how === 'was read') bench.publishLater(60_000)
      bench.load()
      while (bench.log.length < 25_000) bench.log.push(bench.laterRecord(60_000))
      bench.feed()
      bench.load()
      bench.commit()
      for (const { key } of bench.entries(scheduledRange)) bench.ledger.delete(key)
      bench.advance(60_000)
      const { ready } = shardCounts(bench.machine)
      expect(ready).toBeGreaterThan(0)
      expect(ready).toBeLessThanOrEqual(20_000)
    },
  )

  it('waits for the time that was asked for when the clock is set back, and comes when it is set forward', () => {
    const bench = new Bench()
    bench.publishLater(1_000)
    bench.load()
    bench.wallMs -= 24 * hourMs
    bench.advance(2_000)
    expect(bench.claim('h')).toEqual([])
    bench.wallMs += 48 * hourMs
    bench.advance(0)
    expect(offsets(bench.claim('h'))).toEqual([1])
  })

  it('goes behind a dead letter of its key, and before later events that are parked there', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'dead-letter', reason: 'no use' })
    bench.publishLater(1_000, 'a')
    bench.publish('a')
    bench.advance(1_000)
    expect(bench.claim('h')).toEqual([])
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1, parked: 2, scheduled: 0 })
    bench.discard(1)
    expect(offsets(bench.claim('h'))).toEqual([2, 3])
  })

  it.each([
    ['a dead letter', { action: 'dead-letter', reason: 'no use' }],
    ['an event that is tried again later', { action: 'retry', reason: 'not now', afterMs: hourMs }],
  ] as const)('supersedes, where the policy says so, %s that is older', (_, outcome) => {
    const bench = new Bench({ onDeadLetter: 'supersede' })
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, outcome)
    bench.publishLater(1_000, 'a')
    bench.advance(1_000)
    expect(offsets(bench.claim('h'))).toEqual([2])
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 0, parked: 0, retrying: 0, superseded: 1 })
  })

  it('that is older than a dead letter does not supersede it', () => {
    const bench = new Bench({ onDeadLetter: 'supersede' })
    bench.publishLater(1_000, 'a')
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'dead-letter', reason: 'no use' })
    bench.advance(1_000)
    expect(offsets(bench.claim('h'))).toEqual([1])
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1, superseded: 0 })
  })

  it('that comes into the middle of a run ends it, and has its turn after it', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.publishLater(1_000, 'a')
    bench.publish('a')
    bench.publishLater(1_000, 'a')
    bench.publish('a')
    const run = bench.claim('h')
    expect(offsets(run)).toEqual([1, 3, 5])
    bench.advance(1_000)
    expect(bench.claim('h')).toEqual([])
    for (const entry of run) bench.settle(entry, { action: 'ack' })
    expect(offsets(bench.claim('h'))).toEqual([2, 4])
  })

  it('that was cancelled does not come, and is counted', () => {
    const bench = new Bench()
    bench.publishLater(1_000)
    bench.load()
    bench.cancel(1)
    bench.advance(2_000)
    expect(bench.claim('h')).toEqual([])
    expect(shardCounts(bench.machine)).toMatchObject({ scheduled: 0, discarded: 1 })
    bench.commit()
    expect(bench.places()).toEqual(['state'])
  })

  it('pins nothing: the floor passes it, and comes back when it is handed out', () => {
    const bench = new Bench()
    bench.publishLater(1_000)
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'ack' })
    bench.commit()
    expect(bench.floor).toBe(2)
    bench.advance(1_000)
    bench.commit()
    expect(bench.floor).toBe(0)
  })
})
