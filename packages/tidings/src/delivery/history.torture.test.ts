import { test } from 'vitest'
import { firstSeed, tortureMs } from '@tidings/tools/torture-minutes'
import { historyPolicies, playHistory } from './play-history.fixture.ts'

test('random histories of the delivery machine', () => {
  const until = performance.now() + tortureMs()
  const first = firstSeed()
  let played = 0
  for (let seed = first; performance.now() < until; seed++) {
    const policy = historyPolicies[seed % historyPolicies.length]!
    try {
      playHistory({ seed, steps: 1 + (seed % 300), policy })
    } catch (error) {
      throw new Error(`After ${played} histories: seed ${seed}, ${policy}: ${(error as Error).message}`, {
        cause: error,
      })
    }
    played++
  }
  console.log(`${played} random histories of the delivery machine, seeds from ${first}: nothing lost, order kept`)
})
