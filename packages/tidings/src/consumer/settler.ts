import type { Broker, Caller } from '../broker/port/broker.ts'
import type { OutcomeAction, SettleAnswer } from '../broker/port/deliveries.ts'
import { Backoff, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Work } from './lanes.ts'

const longestBatch = 1_000

export interface Finished {
  readonly work: Work
  readonly outcome: OutcomeAction
}

export interface SettlerOptions {
  readonly broker: Broker
  readonly caller: Caller
  readonly subscription: string
  readonly environment: Environment
  /** Goes with each settle call; see `SettleRequest.watermark`. */
  readonly watermark: () => number | undefined
  /** The stream that the leases belong to; `undefined` while there is none. */
  readonly stream: () => object | undefined
  /** `stream` is the one that there was when the call was made. */
  readonly onAnswered: (finished: Finished, answer: SettleAnswer, stream: object | undefined) => void
  /** The call can never succeed: these outcomes are lost, their deliveries come again. */
  readonly onRefused: (batch: readonly Finished[], error: Error) => void
}

/**
 * Tells the broker what became of deliveries: one call at a time, each with everything that finished during the one
 * before, in the order in which it finished. An unanswered call is repeated; what the first one settled is answered
 * `lease-lost` then, which is no loss. Without a stream it waits for one: a broker that has just started knows nothing of
 * a lease before it is presented.
 */
export class Settler {
  readonly #options: SettlerOptions
  readonly #backoff: Backoff
  readonly #queue: Finished[] = []
  #running: Promise<void> | undefined
  /** Ends the pauses between attempts, and after that the attempts. */
  readonly #ending = new AbortController()

  constructor(options: SettlerOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.environment)
  }

  add(finished: Finished): void {
    this.#queue.push(finished)
    this.wake()
  }

  /** There is a stream (again). */
  wake(): void {
    this.#running ??= this.#run()
  }

  /** Forgets outcomes whose lease is lost. */
  forget(isLost: (work: Work) => boolean): void {
    const kept = this.#queue.filter(({ work }) => !isLost(work))
    this.#queue.splice(0, this.#queue.length, ...kept)
  }

  /** Sends what is left, once; what the broker does not answer now will be delivered again. */
  async end(): Promise<void> {
    this.#ending.abort()
    this.wake()
    await this.#running
  }

  async #run(): Promise<void> {
    // What finishes in the same turn goes together.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const stream = this.#options.stream()
      if (!stream && !this.#ending.signal.aborted) break
      const batch = this.#queue.splice(0, longestBatch)
      try {
        const answers = await this.#settle(batch)
        this.#backoff.reset()
        for (const [index, finished] of batch.entries()) {
          const answer = answers[index]
          if (answer) this.#options.onAnswered(finished, answer, stream)
        }
      } catch (error) {
        const known = error instanceof Error ? error : new Error(String(error))
        if (known instanceof TidingsError && !known.retryable) this.#options.onRefused(batch, known)
        else this.#queue.unshift(...batch)
        if (this.#ending.signal.aborted) break
        await this.#backoff.pause(this.#ending.signal)
      }
    }
    this.#running = undefined
  }

  #settle(batch: readonly Finished[]): Promise<readonly SettleAnswer[]> {
    const { broker, caller, subscription } = this.#options
    const watermark = this.#options.watermark()
    const outcomes = batch.map(({ work, outcome }) => ({ lease: work.delivery.lease, ...outcome }))
    return broker.settle(caller, { subscription, outcomes, ...(watermark === undefined ? {} : { watermark }) })
  }
}
