import { describe, expect, it } from 'vitest'
import { shardCounts } from './index.ts'
import { Bench, offsets } from './machine.fixture.ts'

const red = { exact: { subject: 'red' } }

/** One red and one blue event; the machine acknowledges what it is given. */
function redAndBlue(): Bench {
  const bench = new Bench()
  bench.filterBy(red)
  bench.publishEvent('a', { subject: 'red' })
  bench.publishEvent('b', { subject: 'blue' })
  takeAll(bench)
  return bench
}

function takeAll(bench: Bench): number[] {
  const entries = bench.claim('h')
  for (const entry of entries) bench.settle(entry, { action: 'ack' })
  bench.commit()
  return offsets(entries)
}

function replays(bench: Bench): unknown[] {
  return bench.claim('h').map((entry) => [entry.offset, bench.machine.replay(entry)])
}

describe('a filter', () => {
  it('lets nothing through that it does not match; the floor moves on, also when that is all', () => {
    const bench = redAndBlue()
    expect([bench.floor, shardCounts(bench.machine)]).toMatchObject([2, { acknowledged: 1, filtered: 1 }])
    bench.publishEvent('b', { subject: 'blue' })
    bench.commit()
    expect([bench.floor, shardCounts(bench.machine).filtered]).toEqual([3, 2])
  })

  it('holds for what comes from then on', () => {
    const bench = redAndBlue()
    bench.filterBy({})
    bench.publishEvent('b', { subject: 'blue' })
    expect(takeAll(bench)).toEqual([3])
  })
})

it('a filter is read once for all events, not once for each', () => {
  let reads = 0
  const filter = {
    get exact() {
      reads++
      return { subject: 'red' }
    },
  }
  const bench = new Bench()
  bench.filterBy(filter)
  bench.publishEvent('a', { subject: 'red' })
  expect(takeAll(bench)).toEqual([1])
  const before = reads
  for (let index = 0; index < 50; index++) bench.publishEvent(`k${index}`, { subject: 'red' })
  expect(takeAll(bench)).toHaveLength(50)
  expect(reads).toBe(before)
})

describe('a replay', () => {
  it('is not what the filter of an earlier generation left out', () => {
    const bench = redAndBlue()
    bench.seek(0, 'skip')
    bench.filterBy({})
    bench.crash()
    bench.seek(0, 'skip')
    expect(replays(bench)).toEqual([
      [1, 'skip'],
      [2, undefined],
    ])
  })

  it('is not what a filter left out that changed before the seek', () => {
    const bench = redAndBlue()
    bench.filterBy({})
    bench.publishEvent('c', { subject: 'blue' })
    takeAll(bench)
    bench.seek(0, 'skip')
    expect(replays(bench)).toEqual([
      [1, 'skip'],
      [2, undefined],
      [3, 'skip'],
    ])
  })

  it('is not what a filter left out that changed while no broker ran', () => {
    const bench = redAndBlue()
    bench.filter = {}
    bench.crash()
    bench.commit()
    bench.crash()
    bench.seek(0, 'skip')
    expect(replays(bench)).toEqual([
      [1, 'skip'],
      [2, undefined],
    ])
  })

  it('is not what a filter left out of what was looked at again after a crash', () => {
    const bench = new Bench()
    bench.publishEvent('a', { subject: 'red' })
    bench.publishEvent('b', { subject: 'blue' })
    bench.filterBy({})
    bench.filterBy({ exact: { subject: 'green' } })
    bench.commit()
    bench.filter = red
    bench.crash()
    bench.publishEvent('c', { subject: 'green' })
    expect(takeAll(bench)).toEqual([1])
    bench.crash()
    bench.filterBy({})
    bench.seek(0, 'skip')
    expect(replays(bench)).toEqual([
      [1, 'skip'],
      [2, undefined],
      [3, undefined],
    ])
  })
})
