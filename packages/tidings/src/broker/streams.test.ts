import { expect, it } from 'vitest'
import { Streams } from './streams.ts'

/** Opens streams with so much credit each; `serve` hands out within a limit and answers who got how many. */
function open(credits: Readonly<Record<string, number>>) {
  const streams = new Streams()
  for (const holder of Object.keys(credits)) {
    streams.open({ subscription: 'a.b', holder, onDeliveries: () => undefined, onClosed: () => undefined })
  }
  for (const stream of streams) stream.credit = credits[stream.holder]!
  const serve = (limit: number): Record<string, number> => {
    const got: Record<string, number> = {}
    let left = limit
    streams.serve({ allowance: () => left }, (holder, max) => {
      const count = Math.min(max, left, 1_000)
      left -= count
      got[holder] = (got[holder] ?? 0) + count
      return count === 0 ? undefined : { count, deliveries: new Promise(() => undefined), isHeld: () => true }
    })
    return got
  }
  return { streams, serve }
}

it('a limit is shared out evenly: a stream with much credit does not keep another one idle', () => {
  expect(open({ greedy: 100, modest: 2 }).serve(4)).toEqual({ greedy: 2, modest: 2 })
})

it('what one stream leaves of a limit, others take', () => {
  expect(open({ greedy: 100, modest: 1 }).serve(10)).toEqual({ greedy: 9, modest: 1 })
})

it('places that come one by one go to everybody in turn', () => {
  const { serve } = open({ a: 9, b: 9, c: 9 })
  expect(
    [serve(1), serve(1), serve(1), serve(1)].map((got) => Object.keys(got).find((name) => got[name] === 1)),
  ).toEqual(['a', 'b', 'c', 'a'])
})

it('without a limit each gets what it has credit for', () => {
  expect(open({ a: 3, b: 2 }).serve(Infinity)).toEqual({ a: 3, b: 2 })
})
