import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { engineConformance, runEngineCase, type EngineSubject } from '../../engine/conformance/index.ts'
import { embeddedEngine } from './index.ts'

async function embeddedSubject(): Promise<EngineSubject> {
  const path = await mkdtemp(join(tmpdir(), 'tidings-embedded-'))
  return {
    open: (settings) => embeddedEngine({ path, ...settings }),
    dispose: () => rm(path, { recursive: true }),
  }
}

describe('the embedded engine', () => {
  it.for(engineConformance)('$name', async (engineCase, context) => {
    const skipped = await runEngineCase(engineCase, await embeddedSubject())
    if (skipped !== undefined) context.skip(`the embedded engine: ${skipped}`)
  })
})
