import type { ReplicaParts } from './parts.ts'

const leastEveryMs = 1_000
const everyMs = 10_000

/**
 * Measures how far a replica lags behind, and alarms once when that is more than its owner declared; reads answer all
 * the same.
 */
export class Freshness {
  readonly #parts: ReplicaParts
  readonly #replica: { readonly name: string; readonly freshnessMs: number | undefined }
  readonly #subscription: () => string | undefined
  #cancel: () => void = () => {}
  #alarmed = false
  #stopped = false
  /** When the copy was last known, on the monotonic clock, and how far it lagged then. */
  #known: { readonly at: number; readonly lagMs: number } | undefined
  readonly #startedAt: number
  readonly #also: () => Promise<unknown>

  constructor(
    parts: ReplicaParts,
    replica: { readonly name: string; readonly freshnessMs: number | undefined },
    subscription: () => string | undefined,
    /** What else is looked at now and then. */
    also: () => Promise<unknown>,
  ) {
    this.#parts = parts
    this.#replica = replica
    this.#subscription = subscription
    this.#also = also
    this.#startedAt = parts.environment.clock.monotonic()
  }

  get lagMs(): number | undefined {
    return this.#known && this.#known.lagMs + this.#age(this.#known.at)
  }

  start(): void {
    const { freshnessMs } = this.#replica
    const delayMs = freshnessMs === undefined ? everyMs : Math.min(everyMs, Math.max(leastEveryMs, freshnessMs / 4))
    this.#cancel = this.#parts.environment.timers.after(delayMs, () => {
      void this.tick().then(() => this.#stopped || this.start())
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  async tick(): Promise<void> {
    const subscription = this.#subscription()
    await this.#also().catch(() => undefined)
    if (subscription !== undefined) {
      await this.#parts.broker.stats(this.#parts.caller, subscription).then(
        ({ oldestPendingMs }) => (this.#known = { at: this.#now(), lagMs: oldestPendingMs }),
        () => undefined,
      )
    }
    this.#judge()
  }

  #judge(): void {
    const { name, freshnessMs } = this.#replica
    if (freshnessMs === undefined) return
    const lagMs = this.lagMs ?? this.#age(this.#startedAt)
    if (lagMs <= freshnessMs === !this.#alarmed) return
    this.#alarmed = !this.#alarmed
    const details = { replica: name, lagMs, freshnessMs }
    if (!this.#alarmed)
      return this.#parts.report({ level: 'info', message: `Replica ${name} is fresh again.`, details })
    const message = `Replica ${name} lags ${Math.round(lagMs)} ms behind; ${freshnessMs} ms were declared. Reads answer with what is there.`
    this.#parts.report({ level: 'error', message, details })
  }

  #now(): number {
    return this.#parts.environment.clock.monotonic()
  }

  #age(at: number): number {
    return this.#now() - at
  }
}
