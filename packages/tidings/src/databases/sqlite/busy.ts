import { sleep, type Environment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'

export interface Patience {
  readonly environment: Environment
  readonly timeoutMs: number
}

const firstDelaysMs = [1, 2, 5, 10, 20]
const laterDelayMs = 50

/**
 * Repeats `attempt` while it throws `database-busy`, up to the timeout. The waits are timers: SQLite's own busy handler
 * would hold up everything else in the process.
 */
export async function whileBusy<Result>(patience: Patience, attempt: () => Result): Promise<Result> {
  const { environment, timeoutMs } = patience
  const since = environment.clock.monotonic()
  for (let tries = 0; ; tries++) {
    try {
      return attempt()
    } catch (error) {
      if (!(error instanceof TidingsError) || error.code !== 'database-busy') throw error
      const leftMs = timeoutMs - (environment.clock.monotonic() - since)
      if (leftMs <= 0) throw error
      await sleepAlive(environment, Math.min(firstDelaysMs[tries] ?? laterDelayMs, leftMs))
    }
  }
}

/** The environment's timers keep no process alive; somebody who waits for the database must. */
async function sleepAlive(environment: Environment, delayMs: number): Promise<void> {
  const alive = setInterval(() => {}, 60_000)
  try {
    await sleep(environment, delayMs)
  } finally {
    clearInterval(alive)
  }
}
