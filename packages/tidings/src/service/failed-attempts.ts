import type { Delivery, OutcomeAction } from '../broker/port/deliveries.ts'
import type { SubscriptionDescription } from '../broker/port/subscriptions.ts'
import { reasonOf, type Report } from '../consumer/index.ts'
import type { Environment } from '../environment/index.ts'

const windowMs = 60_000
const linesPerWindow = 10

export interface FailedAttemptsOptions {
  readonly report: Report
  readonly environment: Environment
  readonly description: SubscriptionDescription
}

/**
 * Tells of every attempt of a handler that failed: at most ten retries and ten dead letters a minute for one
 * subscription, because where a provider is down everything fails. What is left out is counted in the next line.
 */
export class FailedAttempts {
  readonly #options: FailedAttemptsOptions
  readonly #retries: Quota
  readonly #deadLetters: Quota

  constructor(options: FailedAttemptsOptions) {
    this.#options = options
    this.#retries = new Quota(options.environment)
    this.#deadLetters = new Quota(options.environment)
  }

  /** An attempt at a delivery ended with an error, and the error with this outcome. */
  failed(delivery: Delivery, outcome: OutcomeAction, error: unknown): void {
    const { subscription, policy } = this.#options.description
    const { position, attempt, event } = delivery
    const { maxAttempts } = policy.retry
    const isDead = outcome.action === 'dead-letter' || attempt >= maxAttempts
    const leftOut = (isDead ? this.#deadLetters : this.#retries).take()
    if (leftOut === undefined) return
    const next = isDead
      ? 'It is a dead letter: mend the cause, then redrive it.'
      : 'It is tried again as the retry policy says.'
    const more = leftOut === 0 ? '' : ` So failed ${leftOut} more attempts, which were not written down.`
    this.#options.report({
      level: isDead ? 'error' : 'warning',
      message: `${subscription}: attempt ${attempt} of ${maxAttempts} at event ${event.id} of ${event.source} failed (${reasonOf(error)}). ${next}${more}`,
      error,
      details: { subscription, position, id: event.id, source: event.source, attempt },
    })
  }
}

/** So many lines in each stretch of time. */
class Quota {
  readonly #environment: Environment
  #since = -Infinity
  #taken = 0
  #leftOut = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** How many were left out before this one; `undefined` when this one is left out, too. */
  take(): number | undefined {
    const now = this.#environment.clock.monotonic()
    if (now - this.#since >= windowMs) {
      this.#since = now
      this.#taken = 0
    }
    if (this.#taken === linesPerWindow) {
      this.#leftOut++
      return undefined
    }
    this.#taken++
    const leftOut = this.#leftOut
    this.#leftOut = 0
    return leftOut
  }
}
