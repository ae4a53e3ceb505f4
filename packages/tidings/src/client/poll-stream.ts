import type { Caller } from '../broker/port/broker.ts'
import type { DeliveryStream, PullAnswer, SettleAnswer, StreamRequest } from '../broker/port/deliveries.ts'
import { sleep, type Environment } from '../environment/index.ts'
import { protocolLimits } from '../protocol/index.ts'
import type { Http } from './http.ts'

/** Short, because a stream that closes waits for its poll: an aborted one might have leased something already. */
const pollWaitMs = 2_000
/** Short, because what a crashed consumer had returns when its leases end. */
const leaseMs = 5_000
/** Often enough that two lost renewals cost nothing. */
const renewEveryMs = 1_500

export interface PollStreamOptions {
  readonly http: Http
  readonly caller: Caller
  readonly environment: Environment
  readonly request: StreamRequest
  /** Called once when it has ended. */
  readonly onEnd: (stream: PollStream) => void
}

/**
 * A stream of deliveries by long polling, for where there is no WebSocket: it pulls while it has credit and renews what
 * its holder has in hand. A failed poll ends it; its leases last long enough to be presented to the next stream.
 */
export class PollStream implements DeliveryStream {
  readonly kept: readonly string[]
  readonly #options: PollStreamOptions
  readonly #held: Set<string>
  readonly #ending = new AbortController()
  readonly #polling: Promise<void>
  #credit = 0
  #granted: () => void = () => undefined
  #progress = ''

  private constructor(options: PollStreamOptions, kept: readonly string[]) {
    this.#options = options
    this.kept = kept
    this.#held = new Set(kept)
    this.#polling = this.#keepPolling()
    void this.#keepRenewing()
  }

  static async open(options: PollStreamOptions): Promise<PollStream> {
    const { http, caller, request } = options
    const names = { subscription: request.subscription }
    await http.call('subscription', caller, { names })
    return new PollStream(options, await renew(options, request.leases ?? []))
  }

  grant(credit: number): void {
    this.#credit += credit
    this.#granted()
  }

  /** These were settled: nothing is left to renew. */
  forget(leases: readonly string[]): void {
    for (const lease of leases) this.#held.delete(lease)
  }

  async close(): Promise<void> {
    if (!this.#end()) return
    await this.#polling
    const { http, caller, request } = this.#options
    // Last first, because a delivery is settled after those before it in its run or returned before them.
    const outcomes = [...this.#held].toReversed().map((lease) => ({ lease, action: 'release' }))
    for (let start = 0; start < outcomes.length; start += protocolLimits.events) {
      const body = { outcomes: outcomes.slice(start, start + protocolLimits.events) }
      // What cannot be returned now comes back when its lease ends.
      await http.call('settle', caller, { names: { subscription: request.subscription }, body }).catch(() => undefined)
    }
  }

  abandon(): void {
    this.#end()
  }

  /** Ends it because its broker stops. */
  fail(reason: Error): void {
    if (this.#end()) this.#options.request.onClosed(reason)
  }

  #end(): boolean {
    if (this.#ending.signal.aborted) return false
    this.#ending.abort()
    this.#granted()
    this.#options.onEnd(this)
    return true
  }

  async #keepPolling(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      if (this.#credit <= 0) {
        await new Promise<void>((resolve) => (this.#granted = resolve))
        continue
      }
      try {
        this.#receive(await this.#poll())
      } catch (error) {
        this.fail(error as Error)
      }
    }
  }

  #poll(): Promise<PullAnswer> {
    const { http, caller, request } = this.#options
    const body = { max: Math.min(this.#credit, protocolLimits.events), waitMs: pollWaitMs, leaseMs }
    const names = { subscription: request.subscription }
    return http.call<PullAnswer>('pull', caller, { names, body, waitMs: pollWaitMs })
  }

  #receive({ generation, floor, deliveries }: PullAnswer): void {
    for (const { lease } of deliveries) this.#held.add(lease)
    if (this.#ending.signal.aborted) return
    this.#credit -= deliveries.length
    const { onDeliveries, onProgress } = this.#options.request
    if (deliveries.length > 0) onDeliveries(deliveries)
    const progress = `${generation} ${floor}`
    if (progress === this.#progress) return
    this.#progress = progress
    onProgress?.({ generation, floor })
  }

  async #keepRenewing(): Promise<void> {
    const { environment } = this.#options
    const { signal } = this.#ending
    for (;;) {
      await sleep(environment, renewEveryMs, signal)
      if (signal.aborted) return
      const leases = [...this.#held]
      try {
        const kept = new Set(await renew(this.#options, leases))
        this.forget(leases.filter((lease) => !kept.has(lease)))
      } catch {
        // The next poll says what is wrong, and the next renewal comes in time.
      }
    }
  }
}

/** Renews these leases and answers those that are still held. */
async function renew({ http, caller, request }: PollStreamOptions, leases: readonly string[]): Promise<string[]> {
  const kept: string[] = []
  for (let start = 0; start < leases.length; start += protocolLimits.events) {
    const body = { leases: leases.slice(start, start + protocolLimits.events), leaseMs }
    const names = { subscription: request.subscription }
    const { results } = await http.call<{ results: readonly SettleAnswer[] }>('renew', caller, { names, body })
    for (const { lease, status } of results) if (status === 'settled') kept.push(lease)
  }
  return kept
}
