import type { Moment } from './entry.ts'
import type { Outage } from './outage.ts'
import type { FlowPolicy, RatePolicy } from './policy.ts'
import { TokenBucket } from './token-bucket.ts'

/** Why an event that is ready is not handed out. */
export type HeldBack = 'paused' | 'outage' | 'max-in-flight' | 'rate' | 'seek-rate'

/**
 * How much of one subscription may be handed out, over all its shards and consumers. It is pure: it is told what is in
 * flight and what time it is.
 *
 * The rate is a token bucket. A new subscription begins with a full one; whoever takes a subscription over begins with an
 * empty one, so that no restart lets more through. A seek may bound the rate for its time, with a bucket of its own that
 * begins empty.
 */
export class Flow {
  /** An operator's word: nothing is handed out; what is leased may be settled. */
  paused: boolean
  readonly outage: Outage
  #policy: FlowPolicy
  #rate: TokenBucket | undefined
  #seekRate: TokenBucket | undefined

  constructor(
    options: {
      readonly policy: FlowPolicy
      readonly paused: boolean
      readonly fresh: boolean
      readonly outage: Outage
    },
    now: Moment,
  ) {
    const { policy, paused, fresh, outage } = options
    this.paused = paused
    this.outage = outage
    this.#policy = policy
    this.#rate = policy.rate && new TokenBucket(policy.rate, fresh ? policy.rate.burst : 0, now)
  }

  configure(policy: FlowPolicy, now: Moment): void {
    const { rate } = policy
    this.#policy = policy
    if (!rate) this.#rate = undefined
    else if (this.#rate) this.#rate.change(rate, now)
    else this.#rate = new TokenBucket(rate, rate.burst, now)
  }

  /** Bounds what is handed out beside the policy, from now on until it is told otherwise. */
  bound(rate: RatePolicy | undefined, now: Moment): void {
    if (rate) this.#seekRate ??= new TokenBucket(rate, 0, now)
    else this.#seekRate = undefined
  }

  /** How many more events may be handed out at present, while `inFlight` are; `Infinity` where nothing limits them. */
  allowance(inFlight: number, now: Moment): number {
    if (this.paused) return 0
    const { maxInFlight = Infinity } = this.#policy
    const limit = maxInFlight === Infinity ? Infinity : Math.max(0, maxInFlight - inFlight)
    return Math.min(limit, this.outage.allowance(now), ...this.#buckets.map((bucket) => bucket.allowance(now)))
  }

  /** So many events were handed out. */
  spend(count: number, now: Moment): void {
    for (const bucket of this.#buckets) bucket.spend(count, now)
  }

  /** When time alone lets more be handed out, on the monotonic clock; `Infinity` when it does not, or need not. */
  nextAt(now: Moment): number {
    if (this.paused) return Infinity
    const missing = this.#buckets.map((bucket) => bucket.nextAt(now)).filter((at) => at !== undefined)
    const probeAt = this.outage.nextAt(now)
    return missing.length === 0 ? probeAt : Math.min(probeAt, Math.max(...missing))
  }

  /** What keeps ready events from being handed out; `undefined` when nothing does. */
  heldBack(inFlight: number, now: Moment): HeldBack | undefined {
    if (this.paused) return 'paused'
    if (this.outage.allowance(now) === 0) return 'outage'
    if (this.allowance(inFlight, now) > 0) return undefined
    if (inFlight >= (this.#policy.maxInFlight ?? Infinity)) return 'max-in-flight'
    return this.#seekRate?.allowance(now) === 0 ? 'seek-rate' : 'rate'
  }

  get #buckets(): readonly TokenBucket[] {
    return [this.#rate, this.#seekRate].filter((bucket) => bucket !== undefined)
  }
}
