import { describe, expect, it } from 'vitest'
import type { Entry } from './entry.ts'
import { defaultPolicy, graceMs, shardCounts, type DeliveryPolicy } from './index.ts'
import { Bench, offsets } from './machine.fixture.ts'

const intervalMs = 1_000
const policy = {
  onDeadLetter: 'supersede',
  coalesce: { intervalMs, urgent: { exact: { subject: 'revoked' } } },
} as const
const urgent = { subject: 'revoked' }

/** A bench whose event 1 of key `a` is with a consumer. */
function running(more: Partial<DeliveryPolicy> = {}): { bench: Bench; first: Entry } {
  const bench = new Bench({ ...policy, ...more })
  bench.publish('a')
  const [first] = bench.claim('h')
  return { bench, first: first! }
}

const take = (bench: Bench): number[] => {
  const entries = bench.claim('h')
  for (const entry of entries) bench.settle(entry, { action: 'ack' })
  return offsets(entries)
}

describe('coalescing', () => {
  it('hands out the first event of a key at once, then the newest, when the interval is over', () => {
    const { bench, first } = running()
    bench.settle(first, { action: 'ack' })
    bench.publish('a', 'a', 'b')
    expect(take(bench)).toEqual([4])
    bench.publish('a')
    bench.advance(intervalMs - 1)
    expect(take(bench)).toEqual([])
    expect(bench.machine.nextDueAt(bench.now())).toBe(bench.nowMs + 1)
    bench.advance(1)
    expect(take(bench)).toEqual([5])
    bench.advance(intervalMs)
    bench.publish('a')
    expect(take(bench)).toEqual([6])
  })

  it('lets the interval begin with the hand-out that was last', () => {
    const { bench, first } = running()
    bench.settle(first, { action: 'ack' })
    bench.advance(intervalMs / 2)
    bench.publishEvent('a', urgent)
    expect(take(bench)).toEqual([2])
    bench.publish('a')
    bench.advance(intervalMs / 2)
    expect(take(bench)).toEqual([])
    bench.advance(intervalMs / 2)
    expect(take(bench)).toEqual([3])
  })

  it('begins anew with a seek', () => {
    const { bench, first } = running()
    bench.settle(first, { action: 'ack' })
    bench.seek(0, 'run')
    expect(take(bench)).toEqual([1])
  })

  it('supersedes what waits and counts it; one settle covers it', () => {
    const { bench, first } = running()
    bench.publish('a', 'a', 'a')
    bench.settle(first, { action: 'ack' })
    bench.commit()
    expect(bench.floor).toBe(3)
    expect(shardCounts(bench.machine)).toMatchObject({ acknowledged: 1, superseded: 2, ready: 1 })
    bench.advance(intervalMs)
    expect(take(bench)).toEqual([4])
    bench.commit()
    expect(bench.floor).toBe(4)
    expect(shardCounts(bench.machine)).toMatchObject({ acknowledged: 2, superseded: 2, ready: 0 })
  })

  it('has one more run, with the newest value, for what arrives while the handler of its key runs', () => {
    const { bench, first } = running()
    bench.publish('a', 'a')
    bench.advance(2 * intervalMs)
    expect(take(bench)).toEqual([])
    bench.settle(first, { action: 'ack' })
    expect(take(bench)).toEqual([3])
    bench.advance(2 * intervalMs)
    expect(take(bench)).toEqual([])
  })

  it('has never two of a key in flight, however much its holder asks for', () => {
    const bench = new Bench({ ...policy, coalesce: { intervalMs: 0 } })
    bench.publish('a')
    expect(offsets(bench.claim('h'))).toEqual([1])
    bench.publishEvent('a', urgent)
    expect(bench.claim('h')).toEqual([])
    expect(bench.claim('other')).toEqual([])
  })

  it('lets events without a key go their own way', () => {
    const bench = new Bench(policy)
    bench.publish(undefined, undefined)
    expect(take(bench)).toEqual([1, 2])
    bench.publish(undefined)
    expect(take(bench)).toEqual([3])
    expect(shardCounts(bench.machine).superseded).toBe(0)
  })

  it('knows the policy that changes', () => {
    const bench = new Bench()
    bench.publish('a', 'a', 'a')
    bench.machine.configure({ ...defaultPolicy, ...policy }, {})
    expect(take(bench)).toEqual([3])
    bench.publish('a')
    bench.machine.configure({ ...defaultPolicy, ...policy }, {})
    expect(take(bench)).toEqual([])
    bench.machine.configure(defaultPolicy, {})
    expect(take(bench)).toEqual([4])
  })

  it('supersedes what was parked under another policy', () => {
    const bench = new Bench()
    bench.publish('a', 'a', 'a', 'a')
    bench.settle(bench.claim('h', 1)[0]!, { action: 'dead-letter', reason: 'no' })
    bench.machine.configure({ ...defaultPolicy, ...policy }, {})
    expect(take(bench)).toEqual([4])
    expect(shardCounts(bench.machine)).toMatchObject({ superseded: 3, dead: 0, parked: 0 })
  })
})

describe('an urgent event', () => {
  it.each([urgent, { extensions: { urgent: true } }, { extensions: { urgent: 'true' } }])(
    'replaces what waits and goes at once, after the handler that runs: %j',
    (mark) => {
      const { bench, first } = running()
      bench.publish('a')
      bench.publishEvent('a', mark)
      expect(bench.claim('h')).toEqual([])
      bench.settle(first, { action: 'ack' })
      expect(take(bench)).toEqual([3])
    },
  )

  it('keeps its slot urgent when a newer event takes it', () => {
    const { bench, first } = running()
    bench.publishEvent('a', urgent)
    bench.publish('a', 'a')
    bench.settle(first, { action: 'ack' })
    expect(take(bench)).toEqual([4])
  })

  it.each(['retry', 'dead-letter'] as const)('that failed leaves its slot urgent, too: %s', (action) => {
    const { bench, first } = running()
    bench.settle(first, { action: 'ack' })
    bench.publishEvent('a', urgent)
    const [second] = bench.claim('h')
    bench.publish('a')
    bench.settle(second!, { action, reason: 'no' })
    expect(take(bench)).toEqual([3])
  })

  it('is none that says so of itself otherwise', () => {
    const { bench, first } = running()
    bench.settle(first, { action: 'ack' })
    bench.publishEvent('a', { extensions: { urgent: false } })
    expect(take(bench)).toEqual([])
  })
})

describe('what fails under coalescing', () => {
  it('is tried again as the retry policy says, while nothing newer is there', () => {
    const { bench, first } = running()
    bench.settle(first, { action: 'retry', reason: 'no' })
    bench.advance(100)
    expect(bench.claim('h')).toMatchObject([{ offset: 1, attempts: 1 }])
  })

  it('gives way to a newer event, whose attempts begin anew', () => {
    const { bench, first } = running()
    bench.settle(first, { action: 'retry', reason: 'no' })
    bench.publish('a')
    bench.advance(100)
    expect(bench.claim('h')).toEqual([])
    bench.advance(intervalMs)
    expect(bench.claim('h')).toMatchObject([{ offset: 2, attempts: 0 }])
    expect(shardCounts(bench.machine).superseded).toBe(1)
  })

  it('holds up nothing as a dead letter: the next event supersedes it', () => {
    const { bench, first } = running()
    bench.settle(first, { action: 'dead-letter', reason: 'no' })
    expect(bench.dead()).toEqual([1])
    bench.advance(intervalMs)
    bench.publish('a')
    expect(take(bench)).toEqual([2])
    expect(bench.dead()).toEqual([])
  })

  it('is superseded by an event that becomes due, also as a dead letter', () => {
    const { bench, first } = running()
    bench.publishLater(2 * intervalMs, 'a')
    bench.settle(first, { action: 'dead-letter', reason: 'no' })
    bench.advance(2 * intervalMs)
    expect([take(bench), bench.dead()]).toEqual([[2], []])
  })

  it('does not come late: what becomes due behind a newer event in flight is superseded', () => {
    const { bench, first } = running()
    bench.publishLater(1.5 * intervalMs, 'a')
    bench.publish('a')
    bench.settle(first, { action: 'ack' })
    bench.advance(intervalMs)
    const [third] = bench.claim('h')
    bench.advance(intervalMs)
    bench.settle(third!, { action: 'ack' })
    bench.advance(intervalMs)
    expect(take(bench)).toEqual([])
    expect(shardCounts(bench.machine)).toMatchObject({ acknowledged: 2, superseded: 1 })
  })

  it('goes again at once when it was given back, unless something newer is there', () => {
    const { bench } = running()
    bench.machine.holders.detach('h')
    expect(offsets(bench.claim('next'))).toEqual([1])
    bench.publish('a')
    bench.machine.holders.detach('next')
    bench.advance(intervalMs)
    expect(take(bench)).toEqual([2])
  })
})

describe('a crash of the broker under coalescing', () => {
  it('leaves the newest event of each key to come, and brings at most one more', () => {
    const { bench, first } = running()
    bench.settle(first, { action: 'ack' })
    bench.publish('a', 'a')
    bench.commit()
    bench.crash()
    bench.advance(graceMs)
    expect(take(bench)).toEqual([3])
    bench.publish('a')
    expect(take(bench)).toEqual([])
  })

  it('supersedes what a consumer had that did not come back', () => {
    const { bench } = running()
    bench.publish('a')
    bench.commit()
    bench.crash()
    bench.advance(graceMs)
    expect(take(bench)).toEqual([2])
    expect(shardCounts(bench.machine)).toMatchObject({ acknowledged: 1, superseded: 1, ready: 0 })
  })

  it('supersedes nothing that a consumer may still have: its key waits for it', () => {
    const { bench, first } = running()
    const token = bench.token(first)
    bench.publish('a')
    bench.commit()
    bench.crash()
    bench.publish('a')
    expect(bench.claim('other')).toEqual([])
    expect([...bench.machine.holders.present('h', [token])]).toEqual([token])
    const kept = bench.machine.state.entries.get(1)!
    expect(bench.claim('other')).toEqual([])
    expect(bench.settle(kept, { action: 'ack' })).toBe('settled')
    expect(take(bench)).toEqual([3])
  })
})

it('keeps reading while very many keys wait for their interval, so that an urgent event is seen', () => {
  const bench = new Bench(policy)
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${index}`)
  for (const round of ['first', 'second']) {
    for (let index = 0; index < keys.length; index += 250) {
      bench.publish(...keys.slice(index, index + 250))
      if (round === 'first') for (const entry of bench.claim('h', 1_000)) bench.settle(entry, { action: 'ack' })
      bench.commit()
    }
  }
  expect(shardCounts(bench.machine)).toMatchObject({ acknowledged: 5_000, ready: 5_000 })
  expect(bench.machine.intake.hungry).toBe(true)
})
