import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { firstSeed, tortureMs } from '@tidings/tools/torture-minutes'
import { embeddedEngine } from '../engines/embedded/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { playMovedHistory, type MakeEngine } from './moved-history.fixture.ts'

test('random histories of the broker whose store is moved in between', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidings-moved-'))
  context.onTestFinished(() => rm(folder, { recursive: true }))
  const until = performance.now() + tortureMs()
  const first = firstSeed()
  let [played, moves, stores] = [0, 0, 0]
  const engines: readonly MakeEngine[] = [
    async (environment) => memoryEngine({ environment }),
    async (environment) => embeddedEngine({ path: join(folder, String(stores++)), environment }),
  ]
  for (let seed = first; performance.now() < until; seed++) {
    const steps = 20 + (seed % 60)
    try {
      moves += await playMovedHistory({ seed, steps, engines })
    } catch (error) {
      throw new Error(`After ${played} histories: seed ${seed}, ${steps} steps: ${(error as Error).message}`, {
        cause: error,
      })
    }
    played++
  }
  console.log(`${played} random histories with ${moves} moves, seeds from ${first}: nothing lost, order kept`)
})
