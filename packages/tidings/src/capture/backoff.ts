import { sleep, type Environment } from '../environment/index.ts'

const firstMs = 100
const longestMs = 10_000

/** Waits between attempts that fail in a row: twice as long each time, half of it by chance. */
export class Backoff {
  readonly #environment: Environment
  failures = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Waits after another failure; shorter when `signal` aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    const longest = Math.min(longestMs, firstMs * 2 ** Math.min(this.failures++, 20))
    await sleep(this.#environment, longest * (0.5 + this.#environment.random.next() / 2), signal)
  }

  succeed(): void {
    this.failures = 0
  }
}
