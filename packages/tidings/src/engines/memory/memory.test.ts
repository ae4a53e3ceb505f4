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
  it.each(engineConformance)('$name', async (engineCase) => {
    const skipped = await runEngineCase(engineCase, memorySubject())
    if (skipped !== undefined) console.log(`skipped on memory, because ${skipped}: ${engineCase.name}`)
  })
})
