import type { Environment } from '../environment/index.ts'
import { sleep } from '../environment/index.ts'

const firstMs = 50
const longestMs = 1_000

/** Pauses between attempts to reach the broker: 50 ms, doubling to 1 s, each with jitter so that a crowd spreads out. */
export class Backoff {
  readonly #environment: Environment
  #failures = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  reset(): void {
    this.#failures = 0
  }

  async pause(signal: AbortSignal): Promise<void> {
    const fullMs = Math.min(longestMs, firstMs * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 10)
    await sleep(this.#environment, fullMs * (0.5 + this.#environment.random.next() / 2), signal)
  }
}
