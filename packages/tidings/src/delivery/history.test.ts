import { assert, integer, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { historyPolicies, playHistory } from './play-history.fixture.ts'

describe.each(historyPolicies)('random histories under the policy %s', (policy) => {
  it('lose nothing, keep the order of each key and come to rest', () => {
    const histories = property(integer(), integer({ min: 1, max: 200 }), (seed, steps) => {
      playHistory({ seed, steps, policy })
    })
    assert(histories, { numRuns: 700 })
  })
})

it('random histories come through outages too', () => {
  const histories = Array.from({ length: 50 }, (_, seed) => playHistory({ seed, steps: 200, policy: 'park' }))
  expect(histories.filter(({ outages }) => outages > 0).length).toBeGreaterThan(3)
})
