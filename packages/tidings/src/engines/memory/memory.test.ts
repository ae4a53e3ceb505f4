import { describe, it } from 'vitest'
import { engineConformance, runEngineCase, type EngineSubject } from '../../engine/conformance/index.ts'
import type { Engine } from '../../engine/index.ts'
import { memoryEngine } from './index.ts'

/** The store of a memory engine is the engine itself. */
function memorySubject(): EngineSubject {
  let engine: Engine | undefined
  return { open: (settings) => (engine ??= memoryEngine(settings)), dispose: async () => {} }
}

describe('the memory engine', () => {
  it.for(engineConformance)('$name', async (engineCase, context) => {
    const skipped = await runEngineCase(engineCase, memorySubject())
    if (skipped !== undefined) context.skip(`the memory engine: ${skipped}`)
  })
})
