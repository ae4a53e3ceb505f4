import { assert, integer, property } from 'fast-check'
<<<<<<< HEAD
import { describe, expect, it } from 'vitest'
import { playHistory } from './play-history.fixture.ts'
=======
import { describe, it } from 'vitest'
import { historyPolicies, playHistory } from './history.fixture.ts'
>>>>>>> 0d4da6e (Coalesce the events of a key, with an urgent lane, because copies of quick changes only need the newest)

describe.each(historyPolicies)('random histories under the policy %s', (policy) => {
  it('lose nothing, keep the order of each key and come to rest', () => {
<<<<<<< HEAD
    const histories = property(integer(), integer({ min: 1, max: 200 }), (seed, steps) => {
      playHistory({ seed, steps, onDeadLetter })
    })
=======
    const histories = property(integer(), integer({ min: 1, max: 200 }), (seed, steps) =>
      playHistory(policy, seed, steps),
    )
>>>>>>> 0d4da6e (Coalesce the events of a key, with an urgent lane, because copies of quick changes only need the newest)
    assert(histories, { numRuns: 700 })
  })
})

it('random histories come through outages too', () => {
  const histories = Array.from({ length: 50 }, (_, seed) => playHistory({ seed, steps: 200, onDeadLetter: 'park' }))
  expect(histories.filter(({ outages }) => outages > 0).length).toBeGreaterThan(3)
})
