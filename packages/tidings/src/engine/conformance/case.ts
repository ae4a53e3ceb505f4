import { systemEnvironment, type Environment } from '../../environment/index.ts'
import type { Engine, EngineCapabilities } from '../port.ts'

/** One requirement of the engine port. It knows no test runner: `run` rejects when the engine breaks it. */
export interface EngineCase {
  /** The requirement in words; unique in the suite. */
  readonly name: string
  /** Why an engine with these capabilities need not do it; `undefined` where it must. */
  readonly needs?: (capabilities: EngineCapabilities, engine: Engine) => string | undefined
  readonly run: (context: EngineContext) => Promise<void>
}

export interface EngineContext {
  /** A started engine over an empty store. */
  readonly engine: Engine
  /** Stops the engine and opens its store again; go on with the engine that it answers. */
  reopen(): Promise<Engine>
  /** Another engine over the same store, started, while the first one goes on; for stores that are shared. */
  another(): Promise<Engine>
  /** Moves the engine's wall clock on. */
  advance(milliseconds: number): void
  /** What the engine was opened with. */
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
}

export interface EngineSettings {
  readonly environment: Environment
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
}

/** What the author of an engine supplies: one empty store. */
export interface EngineSubject {
  /**
   * An engine over this store, not started. Called again after the one before was stopped, and where the store is
   * shared while others are running.
   */
  open(settings: EngineSettings): Engine
  /** Removes the store. */
  dispose(): Promise<void>
}

/** Why a case with two engines over one store need not pass. */
export function needsShared({ shared }: EngineCapabilities): string | undefined {
  return shared ? undefined : 'one process at a time has the store'
}

/** Why a case in which the store is carried elsewhere need not pass. */
export function needsHold(_: EngineCapabilities, { hold }: Engine): string | undefined {
  return hold ? undefined : 'its store cannot be carried to another one'
}

const deduplication = { maxIds: 20, maxAgeMs: 60_000 }

/** Runs one case over a new store. Answers why it was skipped, or `undefined` when it ran. */
export async function runEngineCase(engineCase: EngineCase, subject: EngineSubject): Promise<string | undefined> {
  let shiftMs = 0
  const clock = { now: () => systemEnvironment.clock.now() + shiftMs, monotonic: systemEnvironment.clock.monotonic }
  const settings = { environment: { ...systemEnvironment, clock }, deduplication }
  let engine = subject.open(settings)
  const others: Engine[] = []
  try {
    const reason = engineCase.needs?.(engine.capabilities, engine)
    if (reason !== undefined) return reason
    await engine.start()
    await engineCase.run({
      engine,
      deduplication,
      advance: (milliseconds) => {
        shiftMs += milliseconds
      },
      reopen: async () => {
        await engine.stop()
        engine = subject.open(settings)
        await engine.start()
        return engine
      },
      another: async () => {
        const other = subject.open(settings)
        others.push(other)
        await other.start()
        return other
      },
    })
    return undefined
  } finally {
    await Promise.all([engine, ...others].map((each) => each.stop()))
    await subject.dispose()
  }
}
