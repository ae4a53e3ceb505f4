import type { Environment } from 'tidings'
import type { Engine } from 'tidings/engine'
import { Histogram, type Figure } from './exposition.ts'

const commitBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

export interface MeasuredEngine {
  readonly engine: Engine
  figures(): Promise<readonly Figure[]>
}

/** The same engine, with the time that it takes until something is durable. */
export function measureEngine(measured: Engine, environment: Environment): MeasuredEngine {
  const commits = new Histogram(
    'tidings_commit_duration_seconds',
    'Until the store has something on disk, the wait for the commit before included; of: append or settle.',
    commitBounds,
  )
  const timed = async <Result>(of: string, run: () => Promise<Result>): Promise<Result> => {
    const startedAt = environment.clock.monotonic()
    const result = await run()
    commits.observe({ of }, [(environment.clock.monotonic() - startedAt) / 1_000])
    return result
  }
  const { log, ledger } = measured
  const engine: Engine = {
    name: measured.name,
    capabilities: measured.capabilities,
    log: { ...log, append: (topic, requests) => timed('append', () => log.append(topic, requests)) },
    ledger: { ...ledger, commit: (ownership, changes) => timed('settle', () => ledger.commit(ownership, changes)) },
    start: () => measured.start(),
    stop: () => measured.stop(),
    stats: () => measured.stats(),
    ...(measured.backup && { backup: () => measured.backup!() }),
    [Symbol.asyncDispose]: () => measured.stop(),
  }
  return {
    engine,
    async figures() {
      const { bytes, refusing } = await measured.stats()
      const gauge = (name: string, help: string, value: number): Figure => {
        return { name, help, type: 'gauge', series: [{ labels: {}, value }] }
      }
      return [
        commits.figure(),
        gauge('tidings_store_bytes', 'What the store occupies.', bytes),
        gauge(
          'tidings_store_refusing',
          '1 while the store takes nothing: its disk is full, or it failed.',
          refusing === undefined ? 0 : 1,
        ),
      ]
    },
  }
}
