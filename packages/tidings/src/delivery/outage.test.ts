import { describe, expect, it } from 'vitest'
import type { Entry } from './entry.ts'
import { defaultPolicy, defaultRetryPolicy, type DeliveryPolicy } from './index.ts'
import { Bench, offsets } from './machine.fixture.ts'

const probeMs = 1_000
const policy: Partial<DeliveryPolicy> = {
  retry: { ...defaultRetryPolicy, quickDelaysMs: [100], maxAttempts: 3 },
  outage: { keys: 5, windowMs: 60_000, probeMs },
}

function open(...keys: (string | undefined)[]): Bench {
  const bench = new Bench(policy)
  bench.publish(...keys)
  return bench
}

function fail(bench: Bench, entry: Entry, outage: string | undefined = 'ECONNREFUSED', afterMs = 0): void {
  bench.settle(entry, { action: 'retry', reason: 'out of reach', afterMs, ...(outage && { outage }) })
}

/** A bench in an outage: each of these keys has failed once. */
function inOutage(...keys: string[]): Bench {
  const bench = open(...keys)
  for (const entry of bench.claim('h')) fail(bench, entry)
  expect(bench.outage.present).toMatchObject({ class: 'ECONNREFUSED' })
  return bench
}

const six = ['a', 'b', 'c', 'd', 'e', 'f']

describe('an outage', () => {
  it('is noticed when five different keys failed with one class of error', () => {
    const bench = open(...six)
    const claimed = bench.claim('h')
    for (const entry of claimed.slice(0, 4)) fail(bench, entry)
    expect(bench.outage.present).toBeUndefined()
    fail(bench, claimed[4]!)
    expect(bench.outage.present).toEqual({ class: 'ECONNREFUSED', since: bench.wallMs, failures: 5 })
    fail(bench, claimed[5]!, 'http-503')
    expect(bench.outage.present).toMatchObject({ class: 'ECONNREFUSED', failures: 6 })
  })

  it('is noticed of events without a key, each for itself', () => {
    const bench = open(undefined, undefined, undefined, undefined, undefined)
    for (const entry of bench.claim('h')) fail(bench, entry)
    expect(bench.outage.present).toBeDefined()
  })

  it('One poison message on a quiet subscription is not an outage', () => {
    const bench = open('a')
    for (let attempt = 0; attempt < 3; attempt++) {
      fail(bench, bench.claim('h')[0]!)
      expect(bench.outage.present).toBeUndefined()
      bench.advance(20_000)
    }
    expect(bench.deadLetter(1)).toMatchObject({ attempts: 3 })
    bench.publish('b', 'c')
    expect(offsets(bench.claim('h'))).toEqual([2, 3])
  })

  it.each([
    ['of different classes', (bench: Bench, entry: Entry, index: number) => fail(bench, entry, `http-50${index}`)],
    ['that are no errors of an outage', (bench: Bench, entry: Entry) => fail(bench, entry, '')],
    [
      'with a success in between',
      (bench: Bench, entry: Entry, index: number) =>
        index === 3 ? bench.settle(entry, { action: 'ack' }) : fail(bench, entry),
    ],
    [
      'over more than the window',
      (bench: Bench, entry: Entry) => {
        bench.advance(policy.outage!.windowMs / 4)
        fail(bench, entry)
      },
    ],
  ])('is not noticed where failures are %s', (_, end) => {
    const bench = open(...six)
    for (const [index, entry] of bench.claim('h').entries()) end(bench, entry, index)
    expect(bench.outage.present).toBeUndefined()
  })

  it('A real outage does not use up attempts: neither those that showed it nor those that follow', () => {
    const bench = inOutage(...six)
    for (let probe = 0; probe < 100; probe++) {
      bench.advance(probeMs)
      for (const entry of bench.claim('h')) fail(bench, entry)
    }
    expect(bench.dead()).toEqual([])
    bench.advance(probeMs)
    bench.settle(bench.claim('h')[0]!, { action: 'ack' })
    bench.advance(0)
    const rest = bench.claim('h')
    expect(rest.map(({ attempts }) => attempts)).toEqual([0, 0, 0, 0, 0])
  })

  it('takes back what was used up before it was noticed', () => {
    const bench = open('a', 'b', 'c', 'd', 'e')
    const [first, ...others] = bench.claim('h')
    fail(bench, first!)
    bench.advance(100)
    const [again] = bench.claim('h')
    expect(again).toMatchObject({ offset: 1, attempts: 1 })
    fail(bench, again!)
    expect(first!.attempts).toBe(2)
    for (const entry of others) fail(bench, entry)
    bench.advance(0)
    expect([first, ...others].map((entry) => entry!.attempts)).toEqual([0, 0, 0, 0, 0])
  })

  it('takes back nothing that failed before the last success', () => {
    const bench = open('a', 'b')
    const [first, second] = bench.claim('h')
    fail(bench, first!)
    bench.settle(second!, { action: 'ack' })
    bench.publish('c', 'd', 'e', 'f', 'g')
    for (const entry of bench.claim('h')) fail(bench, entry)
    expect(bench.outage.present).toBeDefined()
    bench.advance(0)
    expect(first).toMatchObject({ state: 'retrying', attempts: 1 })
  })

  it('counts an attempt that failed of something else, so that a poison message still ends', () => {
    const bench = inOutage(...six.slice(0, 5))
    for (let attempt = 0; attempt < 3; attempt++) {
      for (let probe = 0; probe < 30; probe++) {
        bench.advance(probeMs)
        const [entry] = bench.claim('h')
        if (entry) fail(bench, entry, entry.offset === 3 ? '' : 'ECONNREFUSED')
      }
    }
    expect(bench.dead()).toEqual([3])
  })

  it('lets one event at a time through, no sooner than the interval, and rotates over the events', () => {
    const bench = inOutage(...six)
    bench.publish('g')
    expect(bench.claim('h')).toEqual([])
    bench.advance(probeMs)
    const probed: number[] = []
    for (let probe = 0; probe < 7; probe++) {
      const [entry, ...more] = bench.claim('h')
      expect(more).toEqual([])
      bench.advance(10 * probeMs)
      expect(bench.claim('h'), 'while the probe is out').toEqual([])
      fail(bench, entry!)
      probed.push(entry!.offset)
      bench.advance(probeMs)
    }
    expect(probed.sort()).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  it('is not kept up by a probe that nobody answers', () => {
    const bench = inOutage(...six)
    bench.advance(probeMs)
    expect(bench.claim('h')).toHaveLength(1)
    const at = bench.outage.nextAt(bench.now())
    bench.advance(at - bench.nowMs)
    expect(bench.claim('h')).toHaveLength(1)
  })

  it('does not wait for a probe whose holder is gone', () => {
    const bench = inOutage(...six)
    bench.advance(probeMs)
    expect(bench.claim('other')).toHaveLength(1)
    bench.machine.holders.detach('other')
    bench.advance(probeMs)
    expect(bench.claim('h')).toHaveLength(1)
  })

  it('ends with the first success, and everything that waited for it goes at once', () => {
    const bench = inOutage(...six)
    bench.advance(probeMs)
    bench.settle(bench.claim('h')[0]!, { action: 'ack' })
    expect(bench.outage.present).toBeUndefined()
    bench.publish('g')
    bench.advance(0)
    expect(bench.claim('h')).toHaveLength(6)
  })
})

describe('Retry-After', () => {
  it('is not undercut by the delay of the policy', () => {
    const bench = open('a')
    bench.settle(bench.claim('h')[0]!, { action: 'retry', reason: 'busy', afterMs: 50_000 })
    bench.advance(49_999)
    expect(bench.claim('h')).toEqual([])
    bench.machine.holders.detach('h')
    bench.commit()
    bench.crash()
    expect(bench.claim('h')).toEqual([])
    bench.advance(1)
    expect(bench.claim('h')).toHaveLength(1)
  })

  it('keeps every probe of an outage waiting, though not longer than the longest pause of the policy', () => {
    const bench = inOutage(...six)
    bench.advance(probeMs)
    fail(bench, bench.claim('h')[0]!, 'http-429', 30_000)
    bench.advance(29_999)
    expect(bench.claim('h')).toEqual([])
    bench.advance(1)
    const [probe] = bench.claim('h')
    fail(bench, probe!, 'http-429', 10 * defaultRetryPolicy.maxDelayMs)
    bench.advance(defaultRetryPolicy.maxDelayMs)
    expect(bench.claim('h')).toHaveLength(1)
  })

  it('keeps its own event waiting also after the outage', () => {
    const bench = open(...six)
    const claimed = bench.claim('h')
    for (const [index, entry] of claimed.entries()) fail(bench, entry, 'http-503', index === 2 ? 90_000 : 0)
    bench.advance(60_000)
    expect(bench.claim('h'), 'the pause that was asked for counts for the probes too').toEqual([])
    bench.settle(claimed[2]!, { action: 'ack' })
    bench.publish('g')
    bench.advance(29_999)
    expect(bench.claim('h')).toEqual([])
    bench.advance(1)
    const [probe] = bench.claim('h')
    bench.settle(probe!, { action: 'ack' })
    bench.advance(0)
    expect(bench.claim('h')).toHaveLength(6)
  })

  it('of one event keeps that one alone waiting when the outage ends before', () => {
    const bench = open(...six)
    const [first, second, ...others] = bench.claim('h')
    fail(bench, first!, 'http-503', 90_000)
    for (const entry of others) fail(bench, entry, 'http-503')
    expect(bench.outage.present).toBeDefined()
    bench.settle(second!, { action: 'ack' })
    bench.advance(0)
    expect(offsets(bench.claim('h'))).toEqual([3, 4, 5, 6])
    bench.advance(89_999)
    expect(bench.claim('h')).toEqual([])
    bench.advance(1)
    expect(offsets(bench.claim('h'))).toEqual([1])
  })
})

it('the defaults are five keys within five minutes', () => {
  expect(defaultPolicy.outage).toEqual({ keys: 5, windowMs: 300_000, probeMs: 1_000 })
})
