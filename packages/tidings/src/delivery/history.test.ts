import { assert, integer, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { playHistory } from './play-history.fixture.ts'

describe.each(['park', 'supersede', 'continue'] as const)('random histories under the policy %s', (onDeadLetter) => {
  it('lose nothing, keep the order of each key and come to rest', () => {
    const histories = property(integer(), integer({ min: 1, max: 200 }), (seed, steps) => {
      playHistory({ seed, steps, onDeadLetter })
    })
    assert(histories, { numRuns: 700 })
  })
})

it('random histories come through outages too', () => {
  const histories = Array.from({ length: 50 }, (_, seed) => playHistory({ seed, steps: 200, onDeadLetter: 'park' }))
  expect(histories.filter(({ outages }) => outages > 0).length).toBeGreaterThan(3)
})
