import { describe, expect, it } from 'vitest'
import { mulberry32 } from '../testing/index.ts'
import type { Moment } from './entry.ts'
import { defaultPolicy, Flow, Outage, type FlowPolicy } from './index.ts'

const at = (monotonic: number): Moment => ({ monotonic, wall: monotonic })

function open(policy: FlowPolicy, options: { fresh?: boolean } = {}): Flow {
  return new Flow({ policy, paused: false, fresh: true, outage: new Outage(defaultPolicy), ...options }, at(0))
}

describe('the limit of what is in flight', () => {
  it('leaves room for what is missing to it, and none when it was lowered below what is out', () => {
    const flow = open({ maxInFlight: 3 })
    expect([0, 2, 3].map((inFlight) => flow.allowance(inFlight, at(0)))).toEqual([3, 1, 0])
    flow.configure({ maxInFlight: 1 }, at(0))
    expect([flow.allowance(3, at(0)), flow.heldBack(3, at(0))]).toEqual([0, 'max-in-flight'])
    expect(flow.nextAt(at(0))).toBe(Infinity)
  })

  it('is no limit where there is none', () => {
    expect(open({}).allowance(1_000_000, at(0))).toBe(Infinity)
    expect(open({}).allowance(Infinity, at(0))).toBe(Infinity)
  })
})

describe('the rate', () => {
  it('lets a burst through at once, then one after the other, and says when the next may go', () => {
    const flow = open({ rate: { perSecond: 4, burst: 2 } })
    expect(flow.allowance(0, at(0))).toBe(2)
    flow.spend(2, at(0))
    expect([flow.allowance(0, at(0)), flow.heldBack(0, at(0)), flow.nextAt(at(0))]).toEqual([0, 'rate', 250])
    expect(flow.allowance(0, at(249))).toBe(0)
    expect([flow.allowance(0, at(250)), flow.nextAt(at(250))]).toEqual([1, Infinity])
    expect(flow.allowance(0, at(3_600_000)), 'no more than a burst is saved up').toBe(2)
  })

  it('gives whoever takes a subscription over no second burst', () => {
    expect(open({ rate: { perSecond: 1, burst: 100 } }, { fresh: false }).allowance(0, at(0))).toBe(0)
  })

  it('gives no second burst for a changed rate either, and the first for a new one', () => {
    const flow = open({ rate: { perSecond: 1, burst: 5 } })
    flow.spend(5, at(0))
    flow.configure({ rate: { perSecond: 2, burst: 9 } }, at(0))
    expect([flow.allowance(0, at(0)), flow.allowance(0, at(500))]).toEqual([0, 1])
    flow.configure({}, at(500))
    flow.configure({ rate: { perSecond: 1, burst: 3 } }, at(500))
    expect(flow.allowance(0, at(500))).toBe(3)
  })

  it('is bounded by a seek as well, without a burst at first, until that is over', () => {
    const flow = open({ rate: { perSecond: 100, burst: 100 } })
    const slow = { perSecond: 2, burst: 2 }
    flow.bound(slow, at(0))
    expect([flow.allowance(0, at(0)), flow.heldBack(0, at(0)), flow.nextAt(at(0))]).toEqual([0, 'seek-rate', 500])
    flow.bound(slow, at(500))
    expect(flow.allowance(0, at(500)), 'what is there stays').toBe(1)
    flow.spend(1, at(500))
    expect([flow.heldBack(0, at(500)), flow.nextAt(at(500))]).toEqual(['seek-rate', 1_000])
    flow.bound(undefined, at(500))
    expect(flow.allowance(0, at(500))).toBeGreaterThan(90)
    flow.spend(100, at(500))
    expect(flow.heldBack(0, at(500))).toBe('rate')
  })

  it('is kept in every stretch of time, whatever was asked for when', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = mulberry32(seed)
      const rate = { perSecond: 0.5 + random() * 200, burst: 1 + Math.floor(random() * 20) }
      const flow = open({ rate }, { fresh: random() < 0.5 })
      const spent: { readonly now: number; readonly count: number }[] = []
      for (let now = 0, step = 0; step < 100; step++) {
        now += random() < 0.3 ? 0 : random() * 100
        const count = Math.floor(random() * (flow.allowance(0, at(now)) + 1))
        flow.spend(count, at(now))
        spent.push({ now, count })
        if (flow.allowance(0, at(now)) === 0) now = Math.max(now, flow.nextAt(at(now)))
        if (now !== Infinity && flow.allowance(0, at(now)) === 0) throw new Error(`seed ${seed}: late at ${now}`)
      }
      for (const [first, { now: from }] of spent.entries()) {
        let total = 0
        for (const { now, count } of spent.slice(first)) {
          total += count
          const most = rate.burst + ((now - from) / 1_000) * rate.perSecond
          // A million comparisons: `expect` would take half a minute.
          if (total > most + 1e-6) throw new Error(`seed ${seed} from ${from} to ${now}: ${total}, at most ${most}`)
        }
      }
    }
  })
})
