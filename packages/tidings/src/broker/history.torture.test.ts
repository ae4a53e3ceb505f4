import { test } from 'vitest'
import { firstSeed, tortureMs } from '@tidings/tools/torture-minutes'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { playHistory } from './play-history.fixture.ts'

test('random histories of the broker', async () => {
  const until = performance.now() + tortureMs()
  const first = firstSeed()
  let played = 0
  for (let seed = first; performance.now() < until; seed++) {
    const environment = simulatedEnvironment(seed)
    await using engine = memoryEngine({ environment })
    await engine.start()
    const steps = 1 + (seed % 100)
    try {
      await playHistory({ seed, steps, engine, environment })
    } catch (error) {
      throw new Error(`After ${played} histories: seed ${seed}, ${steps} steps: ${(error as Error).message}`, {
        cause: error,
      })
    }
    played++
  }
  console.log(`${played} random histories of the broker, seeds from ${first}: nothing lost, order kept`)
})
