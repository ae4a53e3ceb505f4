import type { Engine } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { memoryLedger } from './ledger.ts'
import { memoryLog } from './log.ts'
import { MemoryStore } from './transfer.ts'

export interface MemoryEngineOptions {
  readonly environment?: Environment
  /** How long an identity is remembered: 10 minutes and a million ids of each topic where nothing is said. */
  readonly deduplication?: { readonly maxIds?: number; readonly maxAgeMs?: number }
}

/**
 * An engine in plain structures, for tests and simulation. It keeps its content while it is stopped, so that a second
 * `start` looks like a restart over the same store; the content goes with the object.
 */
export function memoryEngine(options: MemoryEngineOptions = {}): Engine {
  const environment = options.environment ?? systemEnvironment
  let running = false
  const ensureRunning = (): void => {
    if (!running) throw new TidingsError('stopped', 'The memory engine is not running; start it first.')
  }
  const deduplication = { maxIds: 1_000_000, maxAgeMs: 600_000, ...options.deduplication }
  const store = new MemoryStore({ environment, deduplication })
  const stop = async (): Promise<void> => {
    running = false
  }
  return {
    name: 'memory',
    capabilities: { durable: false, shared: false, defaultShards: 1 },
    log: memoryLog({ environment, deduplication, ensureRunning, topics: store.topics }),
    ledger: memoryLedger({ ensureRunning, ledgers: store.ledgers }),
    async start() {
      if (!running) store.ensureServes()
      running = true
    },
    stop,
    async stats() {
      return { bytes: 0 }
    },
    async hold() {
      if (running) throw new TidingsError('store-locked', 'The memory engine is running; stop it first.')
      return store.hold()
    },
    [Symbol.asyncDispose]: stop,
  }
}
