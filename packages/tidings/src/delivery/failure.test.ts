import { describe, expect, it } from 'vitest'
import { defaultPolicy, defaultRetryPolicy, shardCounts } from './index.ts'
import { Bench, offsets, record } from './machine.fixture.ts'

const twoAttempts = { retry: { ...defaultRetryPolicy, quickDelaysMs: [100], maxAttempts: 2 } }
const noUse = { action: 'dead-letter', reason: 'no use' } as const

describe('a retry', () => {
  it('comes after its delay and not before', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'retry', reason: 'not yet' })
    bench.advance(99)
    expect(bench.claim('h')).toEqual([])
    bench.advance(1)
    expect(bench.claim('h')[0]).toMatchObject({ offset: 1, attempts: 1 })
  })

  it('comes no sooner than its handler asked', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'retry', reason: 'not yet', afterMs: 5_000 })
    bench.advance(4_999)
    expect(bench.claim('h')).toEqual([])
    bench.advance(1)
    expect(offsets(bench.claim('h'))).toEqual([1])
  })

  it('holds up its own key and no other', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'retry', reason: 'not yet' })
    bench.publish('a', 'b')
    expect(offsets(bench.claim('h'))).toEqual([3])
  })

  it('ends as a dead letter, with its last reason, when the attempts are used up', () => {
    const bench = new Bench(twoAttempts)
    bench.publish('a')
    for (const reason of ['first', 'last']) {
      bench.settle(bench.claim('h')[0]!, { action: 'retry', reason })
      bench.advance(100)
    }
    expect(bench.claim('h')).toEqual([])
    expect(bench.deadLetter(1)).toMatchObject({ reason: 'last', attempts: 2 })
  })
})

it('a policy that says nothing gives an event 24 attempts', () => {
  const bench = new Bench()
  bench.publish('a')
  let attempts = 0
  for (; shardCounts(bench.machine).dead === 0; attempts++) {
    for (const entry of bench.claim('h')) bench.settle(entry, { action: 'retry', reason: 'no use' })
    bench.advance(3_600_000)
  }
  expect(attempts).toBe(24)
})

describe('release', () => {
  it('counts no attempt, of a suspect neither', () => {
    const bench = new Bench()
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, { action: 'release' })
    expect(bench.claim('puller', 1, 1_000)[0]).toMatchObject({ attempts: 0 })
    bench.advance(1_000)
    const [suspect] = bench.claim('h')
    expect(suspect).toMatchObject({ attempts: 1, suspect: true })
    bench.settle(suspect!, { action: 'release' })
    expect(suspect).toMatchObject({ attempts: 0, state: 'ready' })
  })
})

describe('renew()', () => {
  it('keeps a lease and those of its run beyond their time, and no other', () => {
    const bench = new Bench()
    bench.publish('a', 'a', 'b')
    const [first, second, other] = bench
      .claim('puller', 3, 30_000)
      .toSorted((left, right) => left.offset - right.offset)
    bench.advance(20_000)
    expect(bench.machine.renew(bench.machine.token(first!), 30_000, bench.now())).toBe('settled')
    bench.advance(20_000)
    expect([first, second, other].map((entry) => entry!.state)).toEqual(['leased', 'leased', 'ready'])
    bench.advance(10_000)
    expect([first, second].map((entry) => entry!.state)).toEqual(['ready', 'ready'])
  })
})

describe('a late settle', () => {
  it('of a previous holder changes nothing for the present one', () => {
    const bench = new Bench()
    bench.publish('a')
    const late = bench.machine.token(bench.claim('slow', 1, 1_000)[0]!)
    bench.advance(1_000)
    const [entry] = bench.claim('next')
    for (const action of ['ack', 'release'] as const)
      expect(bench.machine.settle(late, { action }, bench.now())).toBe('lease-lost')
    expect(bench.machine.settle(late, noUse, bench.now())).toBe('lease-lost')
    expect(bench.machine.renew(late, 30_000, bench.now())).toBe('lease-lost')
    expect(entry).toMatchObject({ state: 'leased', lease: { holder: 'next' } })
    expect(bench.settle(entry!, { action: 'ack' })).toBe('settled')
  })

  it('of a holder of the owner before changes nothing for those of the next', () => {
    const bench = new Bench()
    bench.publish('a')
    const late = bench.machine.token(bench.claim('h')[0]!)
    bench.machine.holders.detach('h')
    bench.commit()
    bench.crash()
    const [entry] = bench.claim('next')
    expect(bench.machine.settle(late, { action: 'ack' }, bench.now())).toBe('lease-lost')
    expect(entry).toMatchObject({ state: 'leased' })
  })

  it('of the generation before changes nothing in the next', () => {
    const bench = new Bench()
    bench.publish('a')
    const late = bench.machine.token(bench.claim('h')[0]!)
    bench.seek(0, 'run')
    expect(bench.machine.settle(late, { action: 'ack' }, bench.now())).toBe('lease-lost')
    expect(offsets(bench.claim('h'))).toEqual([1])
  })
})

describe('behind a dead letter', () => {
  it('park: its key waits, every other key moves, after a crash too', () => {
    const bench = new Bench()
    bench.publish('a', 'a', 'b')
    bench.settle(bench.claim('h', 1)[0]!, noUse)
    bench.machine.holders.detach('h')
    bench.commit()
    bench.crash()
    expect(offsets(bench.claim('h'))).toEqual([3])
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1, parked: 1 })
    bench.redrive(1)
    expect(offsets(bench.claim('h'))).toEqual([1, 2])
  })

  it('continue: its key goes on, after a crash too', () => {
    const bench = new Bench({ onDeadLetter: 'continue' })
    bench.publish('a', 'a')
    bench.settle(bench.claim('h', 1)[0]!, noUse)
    expect(offsets(bench.claim('h'))).toEqual([2])
    bench.machine.holders.detach('h')
    bench.commit()
    bench.crash()
    expect(offsets(bench.claim('h'))).toEqual([2])
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1 })
  })

  it('a key that is parked goes on when the policy becomes continue', () => {
    const bench = new Bench()
    bench.publish('a', 'a')
    bench.settle(bench.claim('h', 1)[0]!, noUse)
    expect(bench.claim('h')).toEqual([])
    bench.machine.configure({ ...defaultPolicy, onDeadLetter: 'continue' }, {})
    expect(offsets(bench.claim('h'))).toEqual([2])
  })
})

describe('supersede', () => {
  it.each([
    ['retrying', { action: 'retry', reason: 'not yet' }],
    ['dead', noUse],
  ] as const)('gives up a head that is %s, and everything between, for the newest state', (_, outcome) => {
    const bench = new Bench({ onDeadLetter: 'supersede' })
    bench.publish('a')
    const [head] = bench.claim('h')
    bench.publish('a', 'a', 'b')
    bench.settle(head!, outcome)
    expect(offsets(bench.claim('h'))).toEqual([3, 4])
    expect(shardCounts(bench.machine)).toMatchObject({ superseded: 2, dead: 0, retrying: 0, leased: 2 })
  })

  it('takes a newer state that comes while its head is dead', () => {
    const bench = new Bench({ onDeadLetter: 'supersede' })
    bench.publish('a')
    bench.settle(bench.claim('h')[0]!, noUse)
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 1, superseded: 0 })
    bench.publish('a')
    expect(offsets(bench.claim('h'))).toEqual([2])
    expect(shardCounts(bench.machine)).toMatchObject({ dead: 0, superseded: 1 })
  })

  it('gives up nothing of a key that is well, nor of any under another policy', () => {
    const well = new Bench({ onDeadLetter: 'supersede' })
    well.publish('a', 'a')
    expect(offsets(well.claim('h'))).toEqual([1, 2])
    const parking = new Bench()
    parking.publish('a', 'a')
    parking.settle(parking.claim('h', 1)[0]!, { action: 'retry', reason: 'not yet' })
    parking.advance(100)
    expect(offsets(parking.claim('h'))).toEqual([1, 2])
  })
})

describe('redrive()', () => {
  it('gives a dead letter all its attempts again', () => {
    const bench = new Bench(twoAttempts)
    bench.publish('a')
    const fail = (): void => {
      bench.settle(bench.claim('h')[0]!, { action: 'retry', reason: 'not yet' })
      bench.advance(100)
    }
    fail()
    fail()
    bench.redrive(1)
    fail()
    expect(offsets(bench.claim('h'))).toEqual([1])
  })
})

describe('what nobody is to get', () => {
  it('is what the filter by type does not name: it is counted, and the floor moves past it', () => {
    const bench = new Bench()
    bench.machine.configure(defaultPolicy, { types: ['wanted'] })
    for (const type of ['other', 'wanted', 'other']) {
      const { event, ...rest } = record(bench.log.length + 1, 'a')
      bench.log.push({ ...rest, event: { ...event, type } })
    }
    bench.feed()
    const claimed = bench.claim('h')
    expect(offsets(claimed)).toEqual([2])
    bench.settle(claimed[0]!, { action: 'ack' })
    bench.commit()
    expect([bench.floor, shardCounts(bench.machine).filtered]).toEqual([3, 2])
  })

  it.each(['stale', 'erased'] as const)('is an event that is %s', (mark) => {
    const bench = new Bench()
    bench.log.push({ ...record(1, 'a'), [mark]: true }, record(2, 'a'))
    bench.feed()
    expect(offsets(bench.claim('h'))).toEqual([2])
    expect(shardCounts(bench.machine)).toMatchObject({ skipped: 1 })
  })
})

it('the deliveries of a stream that broke wait 2 s for it, then they go to others', () => {
  const bench = new Bench()
  bench.publish('a')
  bench.claim('h')
  bench.machine.holders.abandon('h', bench.now())
  bench.advance(1_999)
  expect(bench.claim('other')).toEqual([])
  bench.advance(1)
  expect(offsets(bench.claim('other'))).toEqual([1])
})
