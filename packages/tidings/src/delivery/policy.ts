import type { SubscriptionFilter } from '../event/index.ts'
import type { CoalescePolicy } from './coalesce.ts'

/** What a subscription does with failure, and how much it hands out. */
export interface DeliveryPolicy extends FlowPolicy {
  /** What happens to a key whose head is a dead letter. */
  readonly onDeadLetter: 'park' | 'supersede' | 'continue'
  readonly retry: RetryPolicy
  /** Nothing is handed out before it is so old, in milliseconds. */
  readonly delayMs: number
  readonly outage: OutagePolicy
  /** Only the newest event of a key matters, and not too often; then `onDeadLetter` is `supersede`. */
  readonly coalesce?: CoalescePolicy
  /** Which events have a lane of their own, what matters most first. */
  readonly priorities?: readonly SubscriptionFilter[]
}

/** When an outage is noticed, and how often it is looked whether it is over. */
export interface OutagePolicy {
  /** So many different keys have to fail with one class of error, */
  readonly keys: number
  /** within so many milliseconds, and nothing may succeed meanwhile. */
  readonly windowMs: number
  /** Then single events are tried, so many milliseconds apart. */
  readonly probeMs: number
}

export interface FlowPolicy {
  /** How many events may be leased at once, over all consumers and shards; without a limit where absent. */
  readonly maxInFlight?: number
  /** How many may be handed out in a time; without a limit where absent. */
  readonly rate?: RatePolicy
}

/** A token bucket: `perSecond` on average, up to `burst` at once. */
export interface RatePolicy {
  readonly perSecond: number
  readonly burst: number
}

export interface RetryPolicy {
  /** Delays of the first retries, in milliseconds. */
  readonly quickDelaysMs: readonly number[]
  /** After those: full jitter, doubling from `minDelayMs` to `maxDelayMs`. */
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** Attempts in all, quick ones included, before an event is a dead letter. */
  readonly maxAttempts: number
}

/** `skip`: acknowledge without an effect; `run`: apply again; `missing`: apply unless any generation did. */
export type ReplayEffects = 'skip' | 'run' | 'missing'

export const defaultRetryPolicy: RetryPolicy = {
  quickDelaysMs: [100, 300, 1_000, 2_000, 4_000],
  minDelayMs: 10_000,
  maxDelayMs: 3_600_000,
  maxAttempts: 24,
}

export const defaultPolicy: DeliveryPolicy = {
  onDeadLetter: 'park',
  retry: defaultRetryPolicy,
  delayMs: 0,
  outage: { keys: 5, windowMs: 300_000, probeMs: 1_000 },
}

/**
 * How long to wait after the given number of failed attempts: the quick delays first, then exponential backoff with
 * full jitter (Marc Brooker, "Exponential Backoff And Jitter", 2015). `chance` is uniform in [0, 1).
 */
export function retryDelayMs(policy: RetryPolicy, attempts: number, chance: number): number {
  const quick = policy.quickDelaysMs[attempts - 1]
  if (quick !== undefined) return quick
  const doublings = Math.max(0, attempts - policy.quickDelaysMs.length - 1)
  const ceiling = Math.min(policy.maxDelayMs, policy.minDelayMs * 2 ** Math.min(doublings, 50))
  return Math.round(policy.minDelayMs + chance * Math.max(0, ceiling - policy.minDelayMs))
}
