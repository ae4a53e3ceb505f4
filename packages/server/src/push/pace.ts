import { sleep, type Environment } from 'tidings'

/** When the next request to an endpoint may begin: not while it asked for a pause, and not faster than it agreed to. */
export class Pace {
  readonly #environment: Environment
  #spacingMs = 0
  #nextAt = 0
  #pausedUntil = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  limit(requestsPerMinute: number | undefined): void {
    this.#spacingMs = requestsPerMinute === undefined ? 0 : 60_000 / requestsPerMinute
  }

  pause(forMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#now() + forMs)
  }

  /** Resolves when it is the caller's turn, or when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = this.#now()
      if (this.#pausedUntil > now) {
        await sleep(this.#environment, this.#pausedUntil - now, signal)
      } else if (this.#spacingMs > 0 && this.#nextAt > now) {
        await sleep(this.#environment, this.#nextAt - now, signal)
      } else {
        this.#nextAt = now + this.#spacingMs
        return
      }
    }
  }

  #now(): number {
    return this.#environment.clock.monotonic()
  }
}
