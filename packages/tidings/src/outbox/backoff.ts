import type { Environment } from '../environment/index.ts'

const firstMs = 100
const longestMs = 10_000

/** When to try again after failures in a row: doubling, half of it by chance. */
export class Backoff {
  readonly #environment: Environment
  #failures = 0
  #retryAt = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  get failures(): number {
    return this.#failures
  }

  /** Milliseconds until the next attempt; 0 when it may be made. */
  get waitMs(): number {
    return this.#failures === 0 ? 0 : Math.max(0, this.#retryAt - this.#environment.clock.monotonic())
  }

  fail(): void {
    const delayMs = Math.min(longestMs, firstMs * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 20)
    this.#retryAt =
      this.#environment.clock.monotonic() + Math.round(delayMs * (0.5 + this.#environment.random.next() / 2))
  }

  succeed(): void {
    this.#failures = 0
  }
}
