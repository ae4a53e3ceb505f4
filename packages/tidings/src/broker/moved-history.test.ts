import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, asyncProperty, integer } from 'fast-check'
import { expect, it } from 'vitest'
import { embeddedEngine } from '../engines/embedded/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { playMovedHistory, type MakeEngine } from './moved-history.fixture.ts'

it(
  'random histories whose store is moved in between lose nothing, repeat nothing and come to rest',
  { timeout: 120_000 },
  async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'tidings-moved-'))
    context.onTestFinished(() => rm(folder, { recursive: true }))
    let stores = 0
    const engines: readonly MakeEngine[] = [
      async (environment) => memoryEngine({ environment }),
      async (environment) => embeddedEngine({ path: join(folder, String(stores++)), environment }),
      async (environment) => memoryEngine({ environment }),
    ]
    let moves = 0
    const histories = asyncProperty(integer(), integer({ min: 20, max: 60 }), async (seed, steps) => {
      moves += await playMovedHistory({ seed, steps, engines })
    })
    await assert(histories, { seed: 20_261_128, numRuns: 60 })
    expect(moves).toBeGreaterThan(60)
  },
)
