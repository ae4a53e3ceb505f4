import { consume, sleep, TidingsError, type Consumer, type Environment } from 'tidings'
import type { Broker, Caller, Delivery, OutcomeAction } from 'tidings/broker'
import { Batches } from './batches.ts'
import type { Exchange, Reply } from './exchange.ts'
import { askConsent } from './handshake.ts'
import { messageOf } from './message.ts'
import { Pace } from './pace.ts'
import { retryAfterMs, spanOf } from './schedule.ts'
import { signedHeaders } from './signature.ts'
import type { StoredPush } from './store.ts'

export interface EndpointOptions {
  readonly broker: Broker
  readonly environment: Environment
  readonly exchange: Exchange
  readonly namespace: string
  readonly push: StoredPush
  /** Pauses between the attempts of one event; how long they take together is how long an endpoint may fail. */
  readonly delaysMs: readonly number[]
  /** Names this system to its receivers. */
  readonly origin: string
  /** Whether the endpoint need not be asked first. */
  readonly trusted: boolean
  readonly onChange: (push: StoredPush) => void
  readonly onAlarm: (message: string, error?: Error) => void
  /** Its subscription is there no more. */
  readonly onGone: () => void
}

/** What became of one request. `released`: it was not sent, because everything ends here. */
export type Sent =
  | { readonly status: 'taken' }
  | { readonly status: 'released' }
  | { readonly status: 'failed'; readonly reason: string; readonly afterMs: number }

export interface EndpointFigures {
  /** Times in milliseconds since 1970. */
  readonly lastSuccessAt?: number
  readonly lastFailure?: { readonly at: number; readonly reason: string }
}

const concurrency = 10
const batchConcurrency = 100

/**
 * The push of one subscription: it takes deliveries from the broker and posts them.
 *
 * unconfirmed → active, when the endpoint agrees or need not be asked; both → disabled, when it answers `410` or takes
 * nothing for the whole schedule of retries; disabled → unconfirmed, by an operator, as a new endpoint of the same push.
 * Deliveries are taken while it is active, and nothing is settled but by an answer: whatever is in hand when it ends
 * goes back to the broker unattempted.
 */
export class Endpoint {
  readonly #options: EndpointOptions
  readonly #caller: Caller
  readonly #url: URL
  readonly #pace: Pace
  readonly #batches: Batches
  readonly #ending = new AbortController()
  #push: StoredPush
  #figures: EndpointFigures = {}
  #trouble = ''
  #consumer: Consumer | undefined
  #running: Promise<void> | undefined

  constructor(options: EndpointOptions) {
    const { push, environment, namespace } = options
    this.#options = options
    this.#push = push
    this.#url = new URL(push.url)
    this.#caller = { namespace, principal: push.principal }
    this.#pace = new Pace(environment)
    this.#batches = new Batches((deliveries) => this.#send(deliveries))
  }

  get push(): StoredPush {
    return this.#push
  }

  get figures(): EndpointFigures {
    return this.#figures
  }

  start(): void {
    if (this.#push.state !== 'disabled') this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#running
    await this.#consumer?.stop()
  }

  async #run(): Promise<void> {
    if (this.#push.state === 'unconfirmed') await this.#confirm()
    if (this.#push.state !== 'active' || this.#ending.signal.aborted) return
    const { broker, environment } = this.#options
    const { subscription, format, requestsPerMinute } = this.#push
    this.#pace.limit(requestsPerMinute)
    this.#consumer = consume({
      broker,
      caller: this.#caller,
      subscription,
      environment,
      concurrency: format === 'batch' ? batchConcurrency : concurrency,
      handle: (delivery, hold) => this.#handle(delivery, hold.signal),
      onTrouble: (error) => this.#troubled(error),
    })
    this.#consumer.start()
  }

  // --------------------------------------------------------------------------------------------------------- handshake

  async #confirm(): Promise<void> {
    const { environment, exchange, delaysMs, origin, trusted } = this.#options
    const { timeoutMs } = this.#push
    for (let attempt = 1; !this.#ending.signal.aborted; attempt++) {
      const consent = trusted
        ? ({ given: true } as const)
        : await askConsent(exchange, { url: this.#url, origin, timeoutMs, signal: this.#ending.signal })
      if (this.#ending.signal.aborted) return
      if (consent.given) {
        const { requestsPerMinute } = consent
        return this.#become('active', undefined, requestsPerMinute === undefined ? {} : { requestsPerMinute })
      }
      this.#failed(consent.reason)
      if (consent.gone) return this.#disable('The endpoint answered 410 Gone.')
      if (attempt > delaysMs.length) return this.#disable(consent.reason)
      this.#change({ ...this.#push, reason: consent.reason })
      const afterMs = retryAfterMs(consent.retryAfter, environment.clock.now()) ?? 0
      await sleep(environment, Math.max(delaysMs[attempt - 1]!, afterMs), this.#ending.signal)
    }
  }

  // -------------------------------------------------------------------------------------------------------- deliveries

  async #handle(delivery: Delivery, signal: AbortSignal): Promise<OutcomeAction> {
    // An operator went back without wanting what was done to be done again.
    if (delivery.replay === 'skip') return { action: 'ack' }
    const inBatches = this.#push.format === 'batch'
    const sent = await (inBatches ? this.#batches.add(delivery) : this.#send([delivery], signal))
    if (sent.status === 'taken') return { action: 'ack' }
    if (sent.status === 'released') return { action: 'release' }
    const { delaysMs } = this.#options
    const delayMs = delaysMs[delivery.attempt - 1] ?? delaysMs.at(-1) ?? 0
    // While nothing gets through, no event is at fault: it waits until the endpoint is back or disabled.
    if (delivery.attempt > delaysMs.length && this.#tookAnyFor(delayMs)) {
      return { action: 'dead-letter', reason: sent.reason }
    }
    return { action: 'retry', reason: sent.reason, afterMs: Math.max(delayMs, sent.afterMs) }
  }

  #tookAnyFor(delayMs: number): boolean {
    const { lastSuccessAt } = this.#figures
    return lastSuccessAt !== undefined && this.#options.environment.clock.now() - lastSuccessAt <= delayMs
  }

  async #send(deliveries: readonly Delivery[], lease?: AbortSignal): Promise<Sent> {
    const ending = this.#ending.signal
    await this.#pace.turn(lease ? AbortSignal.any([lease, ending]) : ending)
    if (ending.aborted || lease?.aborted) return { status: 'released' }
    let reply: Reply
    try {
      reply = await this.#post(deliveries, lease)
    } catch (error) {
      if (ending.aborted || lease?.aborted) return { status: 'released' }
      return this.#refused(`The endpoint was not reached: ${(error as Error).message}.`)
    }
    const { status } = reply
    if (status >= 200 && status < 300) return this.#taken()
    if (status === 410) {
      this.#disable('The endpoint answered 410 Gone.')
      return { status: 'released' }
    }
    const why = status >= 300 && status < 400 ? '; redirects are not followed' : ''
    return this.#refused(`The endpoint answered ${status}${why}.`, reply)
  }

  #post(deliveries: readonly Delivery[], signal: AbortSignal | undefined): Promise<Reply> {
    const { environment, exchange, namespace, origin } = this.#options
    const { format, subscription, secrets, timeoutMs } = this.#push
    const { id, headers, body } = messageOf(deliveries, format, { namespace, subscription })
    const signed = signedHeaders({ id, now: environment.clock.now(), body, secrets })
    return exchange({
      method: 'POST',
      url: this.#url,
      headers: { ...headers, ...signed, 'webhook-request-origin': origin },
      body,
      timeoutMs,
      ...(signal && { signal }),
    })
  }

  #taken(): Sent {
    this.#figures = { ...this.#figures, lastSuccessAt: this.#options.environment.clock.now() }
    if (this.#push.failingSince !== undefined) {
      const { failingSince: _, ...push } = this.#push
      this.#change(push)
    }
    return { status: 'taken' }
  }

  #refused(reason: string, reply?: Reply): Sent {
    const { environment, delaysMs } = this.#options
    const now = environment.clock.now()
    const afterMs = retryAfterMs(reply?.headers['retry-after'], now) ?? 0
    this.#pace.pause(afterMs)
    this.#failed(reason)
    if (now - (this.#push.failingSince ?? now) >= spanOf(delaysMs)) {
      this.#disable(`The endpoint took nothing since ${timeText(this.#push.failingSince ?? now)}. ${reason}`)
      return { status: 'released' }
    }
    return { status: 'failed', reason, afterMs }
  }

  #failed(reason: string): void {
    const at = this.#options.environment.clock.now()
    this.#figures = { ...this.#figures, lastFailure: { at, reason } }
    if (this.#push.state === 'active' && this.#push.failingSince === undefined) {
      this.#change({ ...this.#push, failingSince: at })
    }
  }

  /** The broker is out of reach, or refuses. What is said twice is written down once. */
  #troubled(error: Error): void {
    if (error instanceof TidingsError && error.code === 'subscription-unknown') return this.#options.onGone()
    if (error.message === this.#trouble) return
    this.#trouble = error.message
    this.#options.onAlarm(`Push of ${this.#push.subscription} takes no deliveries: ${error.message}`, error)
  }

  // ------------------------------------------------------------------------------------------------------------ states

  #disable(reason: string): void {
    if (this.#push.state === 'disabled') return
    this.#become('disabled', reason)
    const { subscription } = this.#push
    this.#options.onAlarm(
      `Push of ${subscription} in namespace ${this.#caller.namespace} is disabled; its events wait. ${reason} When the endpoint is well: tidings subscriptions push resume ${subscription}`,
    )
    this.#ending.abort()
    // Not waited for, because it waits for the handler that this may be called from.
    void this.#consumer?.stop()
  }

  #become(state: StoredPush['state'], reason?: string, more: Partial<StoredPush> = {}): void {
    const { reason: _, ...push } = this.#push
    const since = this.#options.environment.clock.now()
    this.#change({ ...push, ...more, state, since, ...(reason !== undefined && { reason }) })
  }

  #change(push: StoredPush): void {
    this.#push = push
    this.#options.onChange(push)
  }
}

function timeText(at: number): string {
  return new Date(at).toISOString()
}
