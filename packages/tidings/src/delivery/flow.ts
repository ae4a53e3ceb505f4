import type { Moment } from './entry.ts'
import type { Outage } from './outage.ts'
import type { FlowPolicy } from './policy.ts'

/** Why an event that is ready is not handed out. */
export type HeldBack = 'paused' | 'outage' | 'max-in-flight' | 'rate'

/** Sums of fractions of a token may miss a whole one by so much. */
const rounding = 1e-9

/**
 * How much of one subscription may be handed out, over all its shards and consumers. It is pure: it is told what is in
 * flight and what time it is.
 *
 * The rate is a token bucket: every event that is handed out takes a token, `perSecond` new ones come, and no more than
 * `burst` are kept. A new subscription begins with a full one; whoever takes a subscription over begins with an empty
 * one, so that no restart lets more through.
 */
export class Flow {
  /** An operator's word: nothing is handed out; what is leased may be settled. */
  paused: boolean
  readonly outage: Outage
  #policy: FlowPolicy
  #tokens: number
  #countedAt: number

  constructor(
    options: {
      readonly policy: FlowPolicy
      readonly paused: boolean
      readonly fresh: boolean
      readonly outage: Outage
    },
    now: Moment,
  ) {
    this.paused = options.paused
    this.outage = options.outage
    this.#policy = options.policy
    this.#tokens = options.fresh ? (options.policy.rate?.burst ?? 0) : 0
    this.#countedAt = now.monotonic
  }

  configure(policy: FlowPolicy, now: Moment): void {
    this.#count(now)
    const { rate } = policy
    if (rate) this.#tokens = this.#policy.rate ? Math.min(this.#tokens, rate.burst) : rate.burst
    this.#policy = policy
  }

  /** How many more events may be handed out at present, while `inFlight` are; `Infinity` where nothing limits them. */
  allowance(inFlight: number, now: Moment): number {
    if (this.paused) return 0
    const { maxInFlight = Infinity, rate } = this.#policy
    const limit = maxInFlight === Infinity ? Infinity : Math.max(0, maxInFlight - inFlight)
    const room = Math.min(limit, this.outage.allowance(now))
    if (!rate) return room
    this.#count(now)
    return Math.min(room, Math.max(0, Math.floor(this.#tokens + rounding)))
  }

  /** So many events were handed out. */
  spend(count: number, now: Moment): void {
    this.#count(now)
    if (this.#policy.rate) this.#tokens -= count
  }

  /** When time alone lets more be handed out, on the monotonic clock; `Infinity` when it does not, or need not. */
  nextAt(now: Moment): number {
    if (this.paused) return Infinity
    const probeAt = this.outage.nextAt(now)
    const { rate } = this.#policy
    if (!rate) return probeAt
    this.#count(now)
    const missing = 1 - this.#tokens
    return missing <= rounding ? probeAt : Math.min(probeAt, now.monotonic + (missing / rate.perSecond) * 1_000)
  }

  /** What keeps ready events from being handed out; `undefined` when nothing does. */
  heldBack(inFlight: number, now: Moment): HeldBack | undefined {
    if (this.paused) return 'paused'
    if (this.outage.allowance(now) === 0) return 'outage'
    if (this.allowance(inFlight, now) > 0) return undefined
    return inFlight >= (this.#policy.maxInFlight ?? Infinity) ? 'max-in-flight' : 'rate'
  }

  #count({ monotonic }: Moment): void {
    const { rate } = this.#policy
    const seconds = (monotonic - this.#countedAt) / 1_000
    this.#countedAt = monotonic
    if (rate) this.#tokens = Math.min(rate.burst, this.#tokens + seconds * rate.perSecond)
  }
}
