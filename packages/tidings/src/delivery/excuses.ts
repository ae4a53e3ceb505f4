import type { Entry, Moment } from './entry.ts'
import type { Outage } from './outage.ts'
import type { ShardState } from './shard-state.ts'

/**
 * What an outage, or what turns out to be one, has to answer for in one shard. When it is noticed, the attempts that
 * failed of it are taken back and their events are at hand for the probes; when it ends, they go on at once. No event
 * comes before the time that its own `Retry-After` set.
 */
export class Excuses {
  readonly #state: ShardState
  readonly #outage: Outage
  readonly #makeReady: (entry: Entry) => void
  /** Events that failed since the last success: how many of their attempts may be taken back. */
  readonly #doubtful = new Map<Entry, { attempts: number; readonly notBefore: number }>()
  #row: number
  #turn: number

  constructor(state: ShardState, outage: Outage, makeReady: (entry: Entry) => void) {
    this.#state = state
    this.#outage = outage
    this.#makeReady = makeReady
    this.#row = outage.row
    this.#turn = outage.turn
  }

  /**
   * An attempt failed for want of something outside, and is counted already. During an outage it is taken back, and the
   * answer is when the event may come again, in milliseconds from now; `undefined` where the policy decides.
   */
  failed(entry: Entry, failure: { readonly class: string; readonly afterMs: number }, now: Moment): number | undefined {
    this.follow(now)
    this.#outage.failed({ ...failure, key: entry.queue.key ?? `#${entry.offset}` }, now)
    const attempts = (this.#doubtful.get(entry)?.attempts ?? 0) + 1
    this.#doubtful.set(entry, { attempts, notBefore: now.monotonic + failure.afterMs })
    if (!this.#outage.present) return undefined
    this.#takeBack(entry)
    return Math.max(failure.afterMs, this.#outage.policy.outage.probeMs)
  }

  /** Does what follows when an outage began or ended, or something succeeded. */
  follow(now: Moment): void {
    const { row, turn } = this.#outage
    if (this.#turn !== turn) for (const entry of [...this.#doubtful.keys()]) this.#hurry(entry, now)
    if (this.#row !== row) this.#doubtful.clear()
    this.#row = row
    this.#turn = turn
  }

  #hurry(entry: Entry, now: Moment): void {
    this.#takeBack(entry)
    if (entry.gone) this.#doubtful.delete(entry)
    if (entry.gone || entry.state !== 'retrying') return
    const waitMs = this.#doubtful.get(entry)!.notBefore - now.monotonic
    if (waitMs <= 0) return this.#makeReady(entry)
    this.#state.schedule(entry, waitMs, now)
    this.#state.store(entry)
  }

  #takeBack(entry: Entry): void {
    const doubt = this.#doubtful.get(entry)
    if (!doubt || entry.gone) return
    entry.attempts = Math.max(0, entry.attempts - doubt.attempts)
    doubt.attempts = 0
    if (entry.stored) this.#state.store(entry)
  }
}
