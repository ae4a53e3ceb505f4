import { describe, expect, it } from 'vitest'
import { defaultPolicy, shardCounts } from './index.ts'
import { Bench, offsets } from './machine.fixture.ts'

const noUse = { action: 'dead-letter', reason: 'no use' } as const

/** A key whose first event is a dead letter and behind which others are parked. */
function parkedBench(parked: number): Bench {
  const bench = new Bench()
  bench.publish('a')
  bench.settle(bench.claim('h')[0]!, noUse)
  bench.publish(...Array<string>(parked).fill('a'))
  return bench
}

function drain(bench: Bench): number[] {
  const order: number[] = []
  for (let batch = bench.claim('h'); batch.length > 0; batch = bench.claim('h')) {
    for (const entry of batch) {
      order.push(entry.offset)
      bench.settle(entry, { action: 'ack' })
    }
  }
  return order
}

describe('parked events', () => {
  it('come back in their order, and what comes meanwhile waits behind them', () => {
    const bench = parkedBench(150)
    bench.discard(1)
    bench.publish('a', 'a')
    const run = bench.claim('h')
    for (const entry of run.slice(0, 10)) bench.settle(entry, { action: 'ack' })
    expect(bench.claim('h'), 'the run goes on with the next of the key or not at all').toEqual([])
    for (const entry of run.slice(10)) bench.settle(entry, { action: 'ack' })
    const order = [...offsets(run), ...drain(bench)]
    expect(order).toEqual(Array.from({ length: 152 }, (_, index) => index + 2))
    bench.commit()
    expect(bench.places()).toEqual(['state'])
  })

  it('that were parked while others of their key were read are not forgotten', () => {
    const bench = parkedBench(3)
    const dead = bench.deadLetter(1)!
    bench.machine.aside.discard(dead)
    const load = bench.machine.nextLoad(bench.now())!
    bench.commit()
    const found = bench.entries(load.range, load.limit)
    bench.publish('a')
    bench.machine.loaded(load, found)
    expect(drain(bench)).toEqual([2, 3, 4, 5])
  })

  it('stay parked when another one of their key dies while they are read', () => {
    const bench = parkedBench(100)
    bench.redrive(1)
    const [first] = bench.claim('h', 1)
    const load = bench.machine.nextLoad(bench.now())
    expect(load).toBeUndefined()
    bench.settle(first!, noUse)
    expect(bench.claim('h')).toEqual([])
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1, parked: 100, ready: 0 })
    bench.discard(1)
    expect(drain(bench)).toHaveLength(100)
  })

  it('are no more in memory than 64 for a key, however many there are', () => {
    const bench = parkedBench(1_000)
    expect(bench.machine.state.entries.size).toBe(0)
    bench.discard(1)
    expect(bench.machine.state.entries.size).toBe(64)
    expect(drain(bench)).toHaveLength(1_000)
  })

  it('survive a crash, with the dead letters that stop them', () => {
    const bench = parkedBench(3)
    bench.machine.holders.detach('h')
    bench.commit()
    bench.crash()
    expect(bench.claim('h')).toEqual([])
    bench.redrive(1)
    expect(drain(bench)).toEqual([1, 2, 3, 4])
  })
})

describe('an event that is tried again later', () => {
  it('lets others of its key be parked, so that the log is read on for other keys', () => {
    const bench = new Bench()
    bench.publish('slow')
    bench.settle(bench.claim('h')[0]!, { action: 'retry', reason: 'not yet', afterMs: 3_600_000 })
    for (let round = 0; round < 10; round++) {
      bench.publish(...Array<string>(1_000).fill('slow'))
      bench.commit()
    }
    bench.publish('quick')
    expect(offsets(bench.claim('h'))).toEqual([10_002])
    expect(bench.machine.intake.hungry).toBe(true)
    expect(shardCounts(bench.machine).parked).toBeGreaterThan(5_000)
    bench.advance(3_600_000)
    bench.settle(bench.claim('h', 1)[0]!, { action: 'ack' })
    expect(drain(bench)).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 2))
  })
})

describe('dead letters', () => {
  it('of one key may be several: what is parked waits for the first that stands before it', () => {
    const bench = new Bench({ onDeadLetter: 'continue' })
    bench.publish('a', 'a', 'a', 'a')
    bench.settle(bench.claim('h', 1)[0]!, noUse)
    bench.machine.configure(defaultPolicy, {})
    const [second] = bench.claim('h', 1)
    bench.settle(second!, { action: 'ack' })
    bench.settle(bench.claim('h', 1)[0]!, noUse)
    bench.redrive(1)
    bench.settle(bench.claim('h', 1)[0]!, noUse)
    expect(bench.dead()).toEqual([1, 3])
    expect(bench.claim('h')).toEqual([])
    bench.discard(1)
    expect(bench.claim('h')).toEqual([])
    bench.discard(3)
    expect(drain(bench)).toEqual([4])
  })

  it('stay where they are at a seek when they lie before its start, and the rest of their key behind them', () => {
    const bench = parkedBench(3)
    bench.seek(2, 'skip')
    expect(bench.dead()).toEqual([1])
    expect(bench.claim('h')).toEqual([])
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1, parked: 3, carried: 2 })
    bench.discard(1)
    expect(drain(bench)).toEqual([2, 3, 4])
  })
})

describe('unreadable dead letters', () => {
  const unreadable = { action: 'dead-letter', reason: 'unreadable: t has version 2 here' } as const
  const counts = (bench: Bench) => {
    const { dead, unreadable: counted } = shardCounts(bench.machine)
    return { dead, unreadable: counted }
  }
  const given = (...reasons: readonly { readonly action: 'dead-letter'; readonly reason: string }[]): Bench => {
    const bench = new Bench()
    bench.publish(...reasons.map((_, place) => `key ${place}`))
    for (const [place, entry] of bench.claim('h').entries()) bench.settle(entry, reasons[place]!)
    return bench
  }

  it('are counted apart, also after a crash', () => {
    const bench = given(unreadable, noUse, unreadable)
    bench.commit()
    bench.crash()
    expect(counts(bench)).toEqual({ dead: 3, unreadable: 2 })
  })

  it('count until they go on or are given up, and leave nothing behind', () => {
    const bench = given(unreadable, unreadable)
    bench.redrive(1)
    bench.discard(2)
    expect(counts(bench)).toEqual({ dead: 0, unreadable: 0 })
    expect(drain(bench)).toEqual([1])
    bench.commit()
    expect(bench.places()).toEqual(['state'])
  })

  it('count until a seek brings them again, and leave nothing behind', () => {
    const bench = given(unreadable, unreadable)
    bench.seek(1, 'skip')
    expect(counts(bench)).toEqual({ dead: 1, unreadable: 1 })
    bench.discard(1)
    expect(drain(bench)).toEqual([2])
    bench.commit()
    expect(bench.places()).toEqual(['state'])
  })

  it('count until a newer state of their key ends them', () => {
    const bench = new Bench({ onDeadLetter: 'supersede' })
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, unreadable)
    expect(counts(bench)).toEqual({ dead: 1, unreadable: 1 })
    bench.publish('a')
    expect(counts(bench)).toEqual({ dead: 0, unreadable: 0 })
  })
})
