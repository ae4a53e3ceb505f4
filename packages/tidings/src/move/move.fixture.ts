import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import type { Engine } from '../engine/index.ts'
import type { EngineSettings } from '../engine/conformance/index.ts'
import { embeddedEngine } from '../engines/embedded/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { systemEnvironment } from '../environment/index.ts'
import type { MoveSide } from './index.ts'

/** A clock that is moved on, and a window that is small: the same for both ends of a move. */
export function moveSettings(): EngineSettings & { advance(milliseconds: number): void } {
  let shiftMs = 0
  const clock = { now: () => systemEnvironment.clock.now() + shiftMs, monotonic: systemEnvironment.clock.monotonic }
  return {
    environment: { ...systemEnvironment, clock },
    deduplication: { maxIds: 1_000, maxAgeMs: 60_000 },
    advance: (milliseconds) => {
      shiftMs += milliseconds
    },
  }
}

/** One store: `open` gives an engine over it, not started. */
export interface TestStore {
  readonly place: string
  open(settings?: Partial<EngineSettings>): Engine
}

async function testFolder(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tidings-move-'))
  context.onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

export async function embeddedStore(context: TestContext): Promise<TestStore> {
  const path = join(await testFolder(context), 'store')
  return { place: path, open: (settings) => embeddedEngine({ path, ...settings }) }
}

export async function memoryStore(): Promise<TestStore> {
  let engine: Engine | undefined
  return { place: 'memory', open: (settings) => (engine ??= memoryEngine(settings)) }
}

export function sideOf({ place, open }: TestStore, settings?: Partial<EngineSettings>): MoveSide {
  return { place, engine: open(settings) }
}

/** Runs something with a started engine. */
export async function withEngine<Result>(engine: Engine, work: (engine: Engine) => Promise<Result>): Promise<Result> {
  await engine.start()
  try {
    return await work(engine)
  } finally {
    await engine.stop()
  }
}
