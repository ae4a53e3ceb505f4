import { test } from 'vitest'
import { tortureMs } from '@tidings/tools/torture-minutes'
<<<<<<< HEAD
import { playHistory, type HistoryPolicy } from './play-history.fixture.ts'

const policies: readonly HistoryPolicy[] = ['park', 'supersede', 'continue']
=======
import { historyPolicies, playHistory } from './history.fixture.ts'
>>>>>>> 0d4da6e (Coalesce the events of a key, with an urgent lane, because copies of quick changes only need the newest)

test('random histories of the delivery machine', () => {
  const until = performance.now() + tortureMs()
  const first = Math.floor(Date.now() % 1e9)
  let played = 0
  for (let seed = first; performance.now() < until; seed++) {
    const policy = historyPolicies[seed % historyPolicies.length]!
    try {
      playHistory(policy, seed, 1 + (seed % 300))
    } catch (error) {
      throw new Error(`After ${played} histories: seed ${seed}, ${policy}: ${(error as Error).message}`, {
        cause: error,
      })
    }
    played++
  }
  console.log(`${played} random histories of the delivery machine, seeds from ${first}: nothing lost, order kept`)
})
