import type { Position, SubscriptionFilter } from '../../event/index.ts'

export interface SubscriptionDefinition {
  /** `<service>.<name>` */
  readonly subscription: string
  readonly topic: string
  /** Where a new subscription begins: a position to go on after, `beginning`, or `end`. */
  readonly from: Position | 'beginning' | 'end'
  readonly filter?: SubscriptionFilter
  readonly policy?: SubscriptionPolicy
}

export interface SubscriptionPolicy {
  /** What happens to a key whose head is a dead letter; `park` by default. */
  readonly onDeadLetter?: 'park' | 'supersede' | 'continue'
  readonly retry?: Partial<RetryPolicy>
  /** Events are handed out so many milliseconds after they were appended; 0 by default. */
  readonly delayMs?: number
  /** How many deliveries may be leased at once, over all consumers; without a limit where absent. */
  readonly maxInFlight?: number
  /**
   * How many deliveries are handed out, retries included: `perSecond` on average (0.0001 to 1,000,000), up to `burst` at
   * once (`perSecond`, rounded up, where absent). Without a limit where absent.
   */
  readonly rate?: { readonly perSecond: number; readonly burst?: number }
  readonly outage?: Partial<OutagePolicy>
  /**
   * For keys whose newest event makes older ones needless; `onDeadLetter` is `supersede` then. Not for tasks and
   * answers, and not with `delayMs`.
   */
  readonly coalesce?: CoalescePolicy
  /**
   * The subscription is removed when nobody has consumed it for so many milliseconds (1,000 to 31,536,000,000) in which
   * a broker was there: no stream, no pull, nothing settled. Whoever comes later is told `subscription-unknown`. It stays
   * for ever where absent.
   */
  readonly expiresAfterMs?: number
  /**
   * What matters more is handed out first, however much else waits: 1 to 4 filters, of which the first that matches
   * counts; what none matches comes last. Fixed when the subscription is created. Events of one key are in order within
   * one priority only; not with `coalesce`, nor with `supersede`, nor for entities.
   */
  readonly priorities?: readonly SubscriptionFilter[]
}

/**
 * The first event of a key is handed out at once, then at most one per key and interval, always ending with the newest;
 * those in between are superseded. A newer event replaces one that fails, too. Events without a key go their own way.
 */
export interface CoalescePolicy {
  /** From the hand-out of one event of a key to that of the next, in milliseconds: 0 to 86,400,000. */
  readonly intervalMs: number
  /**
   * Events that do not wait for the interval, beside those with the attribute `urgent` set to true: they replace what
   * waits and go as soon as nothing of their key is with a consumer. What replaces them does the same.
   */
  readonly urgent?: SubscriptionFilter
}

/**
 * When at least `keys` different keys failed with one class of outage error within `windowMs`, and nothing succeeded
 * meanwhile, attempts stop counting and single deliveries are tried, `probeMs` apart, until the first success.
 */
export interface OutagePolicy {
  /** 2 to 1,000; 5 by default. */
  readonly keys: number
  /** 1,000 to 86,400,000; 300,000 by default. */
  readonly windowMs: number
  /** 10 to 3,600,000; 1,000 by default. */
  readonly probeMs: number
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

export interface SubscriptionDescription {
  readonly subscription: string
  readonly topic: string
  readonly filter: SubscriptionFilter
  readonly policy: {
    readonly onDeadLetter: 'park' | 'supersede' | 'continue'
    readonly retry: RetryPolicy
    readonly delayMs: number
    readonly coalesce?: CoalescePolicy
    readonly priorities?: readonly SubscriptionFilter[]
    readonly maxInFlight?: number
    readonly rate?: { readonly perSecond: number; readonly burst: number }
    readonly outage: OutagePolicy
    readonly expiresAfterMs?: number
  }
  readonly generation: number
  /** Everything up to here is settled or did not match. */
  readonly floor: Position
  /** What an operator can do with it. */
  readonly actions: readonly SubscriptionAction[]
  /** The highest watermark that came with a settle; 0 before the first. */
  readonly watermark: number
  /** An operator's word: nothing is handed out until `resume`. */
  readonly paused?: Pause
  /** What its last seek allows, until everything up to `until` has passed. */
  readonly seekRate?: { readonly perSecond: number; readonly until: Position }
}

export interface Pause {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Who asked for it. */
  readonly by: string
}

/** What an operator can do with a subscription. */
export type SubscriptionAction = 'seek' | 'redrive' | 'pause' | 'resume' | 'remove'

export type SubscriptionState = 'running' | 'paused'
