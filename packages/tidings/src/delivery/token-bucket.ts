import type { Moment } from './entry.ts'
import type { RatePolicy } from './policy.ts'

/** Sums of fractions of a token may miss a whole one by so much. */
const rounding = 1e-9

/** Every event that is handed out takes a token, `perSecond` new ones come, and no more than `burst` are kept. */
export class TokenBucket {
  #rate: RatePolicy
  #tokens: number
  #countedAt: number

  constructor(rate: RatePolicy, tokens: number, now: Moment) {
    this.#rate = rate
    this.#tokens = tokens
    this.#countedAt = now.monotonic
  }

  /** Another rate from now on: what is saved up stays, as far as it fits. */
  change(rate: RatePolicy, now: Moment): void {
    this.#count(now)
    this.#rate = rate
    this.#tokens = Math.min(this.#tokens, rate.burst)
  }

  allowance(now: Moment): number {
    this.#count(now)
    return Math.max(0, Math.floor(this.#tokens + rounding))
  }

  spend(count: number, now: Moment): void {
    this.#count(now)
    this.#tokens -= count
  }

  /** When it has a token again, on the monotonic clock; `undefined` where it has one. */
  nextAt(now: Moment): number | undefined {
    this.#count(now)
    const missing = 1 - this.#tokens
    return missing <= rounding ? undefined : now.monotonic + (missing / this.#rate.perSecond) * 1_000
  }

  #count({ monotonic }: Moment): void {
    const seconds = (monotonic - this.#countedAt) / 1_000
    this.#countedAt = monotonic
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + seconds * this.#rate.perSecond)
  }
}
