import { sleep, type Environment } from './environment.ts'

export interface BackoffLimits {
  readonly firstMs: number
  readonly longestMs: number
}

/** For what is near and comes back soon, as a broker does. */
const usual: BackoffLimits = { firstMs: 50, longestMs: 1_000 }

/** Pauses between attempts that fail in a row: twice as long each time, half of it by chance, so that a crowd spreads out. */
export class Backoff {
  readonly #environment: Environment
  readonly #limits: BackoffLimits
  #failures = 0

  constructor(environment: Environment, limits = usual) {
    this.#environment = environment
    this.#limits = limits
  }

  get failures(): number {
    return this.#failures
  }

  /** Waits after another failure; shorter when `signal` aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    const { firstMs, longestMs } = this.#limits
    const fullMs = Math.min(longestMs, firstMs * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 20)
    await sleep(this.#environment, fullMs * (0.5 + this.#environment.random.next() / 2), signal)
  }

  reset(): void {
    this.#failures = 0
  }
}
