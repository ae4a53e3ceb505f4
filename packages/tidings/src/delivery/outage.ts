import type { Entry, Moment } from './entry.ts'
import type { DeliveryPolicy } from './policy.ts'

/** What consumers cannot reach, as far as they say. */
export interface OutageStatus {
  /** What they reported: `ECONNREFUSED`, `http-503`, … */
  readonly class: string
  /** When it was noticed: milliseconds since 1970. */
  readonly since: number
  /** Attempts that failed of it, those included that showed it. */
  readonly failures: number
}

/** A probe that nobody answered for so long does not keep the next one waiting. */
const patienceMs = 60_000
const mostClasses = 32

/**
 * Notices that what the consumers of one subscription depend on is out of reach: at least `keys` different keys failed
 * with one class of error within `windowMs`, and nothing succeeded meanwhile. From then on attempts do not count, and
 * single probes are handed out, one after another, no sooner than a `Retry-After` allows; the first success ends it.
 * One key that fails again and again is no outage.
 *
 * It is pure, and one for all shards of a subscription. It is not durable: whoever takes the subscription over notices
 * the outage again, by as many failures.
 */
export class Outage {
  policy: DeliveryPolicy
  /** Counts successes after failures: what failed in one row failed without a success in between. */
  row = 0
  /** Counts how often an outage began or ended. */
  turn = 0
  /** By class and key, when it failed last. */
  readonly #failing = new Map<string, Map<string, number>>()
  #present: { readonly class: string; readonly since: number; failures: number } | undefined
  #nextProbeAt = -Infinity
  #probe: { readonly entry: Entry; readonly lease: string; readonly since: number } | undefined

  constructor(policy: DeliveryPolicy) {
    this.policy = policy
  }

  get present(): OutageStatus | undefined {
    return this.#present && { ...this.#present }
  }

  /** An attempt failed for want of something outside, which asks for a pause of `afterMs`. */
  failed(failure: { readonly class: string; readonly key: string; readonly afterMs: number }, now: Moment): void {
    // What one event asks for holds everybody up, so not longer than the policy's own longest pause.
    const pauseMs = Math.min(failure.afterMs, this.policy.retry.maxDelayMs)
    this.#nextProbeAt = Math.max(this.#nextProbeAt, now.monotonic + pauseMs)
    if (this.#present) {
      this.#present.failures++
      return
    }
    const { keys: wanted, windowMs, probeMs } = this.policy.outage
    const keys = this.#keysOf(failure.class)
    keys.delete(failure.key)
    keys.set(failure.key, now.monotonic)
    for (const [key, at] of keys) {
      if (at <= now.monotonic - windowMs) keys.delete(key)
    }
    if (keys.size < wanted) return
    this.#present = { class: failure.class, since: now.wall, failures: keys.size }
    this.#nextProbeAt = Math.max(this.#nextProbeAt, now.monotonic + probeMs)
    this.turn++
  }

  #keysOf(name: string): Map<string, number> {
    const known = this.#failing.get(name)
    if (known) return known
    const [oldest] = this.#failing.keys()
    if (oldest !== undefined && this.#failing.size >= mostClasses) this.#failing.delete(oldest)
    const keys = new Map<string, number>()
    this.#failing.set(name, keys)
    return keys
  }

  /** An event was acknowledged: whatever was out of reach is there. */
  succeeded(): void {
    if (this.#failing.size === 0) return
    this.#failing.clear()
    this.#nextProbeAt = -Infinity
    this.#probe = undefined
    this.row++
    if (!this.#present) return
    this.#present = undefined
    this.turn++
  }

  /** An event was handed out. */
  handedOut(entry: Entry, now: Moment): void {
    if (!this.#present) return
    this.#probe = { entry, lease: entry.lease!.id, since: now.monotonic }
    this.#nextProbeAt = Math.max(this.#nextProbeAt, now.monotonic + this.policy.outage.probeMs)
  }

  /** How many events may be handed out at present. */
  allowance(now: Moment): number {
    if (!this.#present) return Infinity
    return this.#nextAt() <= now.monotonic ? 1 : 0
  }

  /** When time alone lets the next probe go, on the monotonic clock; `Infinity` when it need not. */
  nextAt(now: Moment): number {
    const at = this.#present ? this.#nextAt() : Infinity
    return at > now.monotonic ? at : Infinity
  }

  #nextAt(): number {
    const probe = this.#probe
    const isOut = probe && !probe.entry.gone && probe.entry.lease?.id === probe.lease
    return Math.max(this.#nextProbeAt, isOut ? probe.since + patienceMs : -Infinity)
  }
}
