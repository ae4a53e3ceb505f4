import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Delivery, OutcomeAction, SettleAnswer, StreamProgress } from '../broker/port/deliveries.ts'
import { Backoff, sleep, systemEnvironment, type Environment } from '../environment/index.ts'
import { Hands } from './hands.ts'
import { outcomeOf, reasonOf } from './outcome.ts'
import type { HeldDelivery } from './hold.ts'
import type { Work } from './lanes.ts'
import { Settler, type Finished } from './settler.ts'
import { openStream, type OpenStream } from './stream.ts'

const defaultConcurrency = 10
const leastPrefetch = 64
const stopGraceMs = 10_000

export interface ConsumeOptions {
  readonly broker: Broker
  readonly caller: Caller
  readonly subscription: string
  /**
   * Called for each delivery; what it resolves with ends the delivery. A `TerminalError` dead-letters, a `RetryError`
   * retries not before its `afterMs`, any other error retries by the subscription's policy. Well-known errors of the
   * network, timeouts and HTTP statuses 429 and 5xx are reported as an outage, and a `Retry-After` that comes with one is
   * passed on. The hold is over when the lease is lost.
   */
  readonly handle: (delivery: Delivery, hold: HeldDelivery) => Promise<OutcomeAction>
  /** How many handlers run at once; 10 by default. */
  readonly concurrency?: number
  /** How many deliveries are held at once, running ones included; twice the concurrency and at least 64 by default. */
  readonly prefetch?: number
  /** `key` (the default): deliveries of one key run one after another. `none`: all side by side. */
  readonly order?: 'key' | 'none'
  /** Names this consumer across reconnects; a new id by default. */
  readonly holder?: string
  readonly environment?: Environment
  /** A counter of the consumer's own database that goes with each settle: see `SettleRequest.watermark`. */
  readonly watermark?: () => number | undefined
  /** An outcome is durable at the broker. */
  readonly onSettled?: (delivery: Delivery, outcome: OutcomeAction) => void
  readonly onProgress?: (progress: StreamProgress) => void
  /** The broker could not be reached or refused something; the consumer goes on trying. */
  readonly onTrouble?: (error: Error) => void
}

/** A running part that hands the deliveries of one subscription to a handler. */
export interface Consumer {
  start(): void
  /**
   * Finishes what runs (its signals abort after 10 s, and it is not waited for any longer), tells the broker, and
   * returns the rest unattempted.
   */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Consumes a subscription: at most `concurrency` handlers at once, in order within each key. */
export function consume(options: ConsumeOptions): Consumer {
  let run: Run | undefined
  const stop = async (): Promise<void> => {
    await run?.stop()
    run = undefined
  }
  return {
    start() {
      run ??= new Run(options)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** One life of a consumer, from start to stop. It is connecting, or it has a stream; both end in stopping. */
class Run {
  readonly #options: ConsumeOptions
  readonly #environment: Environment
  readonly #holder: string
  readonly #hands: Hands
  readonly #settler: Settler
  readonly #stopping = new AbortController()
  readonly #loop: Promise<void>
  readonly #concurrency: number
  #stream: OpenStream | undefined
  #onIdle: (() => void) | undefined

  constructor(options: ConsumeOptions) {
    this.#options = options
    this.#environment = options.environment ?? systemEnvironment
    this.#holder = options.holder ?? this.#environment.ids.next()
    this.#concurrency = Math.max(1, options.concurrency ?? defaultConcurrency)
    this.#hands = new Hands(options.prefetch ?? Math.max(leastPrefetch, this.#concurrency * 2), options.order ?? 'key')
    this.#settler = new Settler({
      broker: options.broker,
      caller: options.caller,
      subscription: options.subscription,
      environment: this.#environment,
      watermark: options.watermark ?? (() => undefined),
      stream: () => this.#stream,
      onAnswered: (finished, answer, stream) => this.#answered(finished, answer, stream),
      onRefused: (batch, error) => this.#refused(batch, error),
    })
    // While the broker is away nothing else may be left that keeps the process.
    const letGo = this.#environment.timers.keepAlive?.()
    this.#loop = this.#keepStream().finally(letGo)
  }

  // ---------------------------------------------------------------------------------------------------------- stream

  async #keepStream(): Promise<void> {
    const backoff = new Backoff(this.#environment)
    while (!this.#stopping.signal.aborted) {
      try {
        const stream = await openStream({
          broker: this.#options.broker,
          caller: this.#options.caller,
          request: { subscription: this.#options.subscription, holder: this.#holder, leases: this.#hands.leases() },
          onDeliveries: (deliveries) => {
            backoff.reset()
            this.#receive(deliveries)
          },
          onProgress: (progress) => this.#progress(progress),
        })
        this.#hands.keepOnly(stream.kept)
        this.#settler.forget((work) => !this.#hands.has(work))
        this.#stream = stream
        this.#settler.wake()
        this.#grant()
        if (this.#stopping.signal.aborted) await stream.end()
        const reason = await stream.closed
        if (reason) this.#trouble(reason)
      } catch (error) {
        this.#trouble(error)
      }
      this.#stream = undefined
      if (!this.#stopping.signal.aborted) await backoff.pause(this.#stopping.signal)
    }
  }

  #receive(deliveries: readonly Delivery[]): void {
    if (this.#stopping.signal.aborted) return
    for (const work of this.#hands.receive(deliveries)) this.#give(work, { action: 'release' })
    this.#pump()
  }

  #progress(progress: StreamProgress): void {
    this.#hands.fence(progress.generation)
    this.#grant()
    this.#options.onProgress?.(progress)
  }

  #grant(): void {
    if (!this.#stopping.signal.aborted) this.#stream?.keepCredit(this.#hands.room)
  }

  // ------------------------------------------------------------------------------------------------------------- work

  #pump(): void {
    while (!this.#stopping.signal.aborted && this.#hands.running < this.#concurrency) {
      const work = this.#hands.begin()
      if (!work) return
      void this.#work(work)
    }
  }

  async #work(work: Work): Promise<void> {
    let outcome: OutcomeAction
    try {
      outcome = await this.#options.handle(work.delivery, work.hold)
    } catch (error) {
      outcome = outcomeOf(error, this.#environment.clock.now())
    }
    // Whatever waits in the lane of a failure goes back as well: the broker took it back, or should.
    const rest = this.#hands.end(work, outcome)
    if (this.#hands.has(work)) this.#give(work, outcome)
    for (const later of rest) this.#give(later, { action: 'release' })
    this.#pump()
    if (this.#hands.running === 0) this.#onIdle?.()
  }

  #give(work: Work, outcome: OutcomeAction): void {
    this.#settler.add({ work, outcome })
  }

  #answered(finished: Finished, answer: SettleAnswer, stream: object | undefined): void {
    const { work, outcome } = finished
    // Said before the broker that answers now was presented the lease: it may be ours all the same.
    const isDoubtful = answer.status === 'refused' && stream !== this.#stream && this.#hands.has(work)
    if (isDoubtful && !this.#stopping.signal.aborted) return this.#settler.add(finished)
    this.#hands.forget(work)
    if (answer.status === 'settled') this.#options.onSettled?.(work.delivery, outcome)
    if (answer.status === 'refused' && answer.code !== 'lease-lost') this.#trouble(new Error(answer.message))
    this.#pump()
    this.#grant()
  }

  /** The broker cannot take these outcomes: without their leases, a new stream gives the deliveries back. */
  #refused(batch: readonly Finished[], error: Error): void {
    for (const { work } of batch) this.#hands.forget(work)
    this.#trouble(error)
    void this.#stream?.end(error)
  }

  #trouble(error: unknown): void {
    const known = error instanceof Error ? error : new Error(reasonOf(error))
    if (!this.#stopping.signal.aborted) this.#options.onTrouble?.(known)
  }

  // ------------------------------------------------------------------------------------------------------------- stop

  async stop(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort()
      await this.#idle()
      await this.#settler.end()
      await this.#stream?.end()
    }
    await this.#loop
  }

  async #idle(): Promise<void> {
    if (this.#hands.running === 0) return
    const finished = new AbortController()
    this.#onIdle = () => finished.abort()
    await sleep(this.#environment, stopGraceMs, finished.signal)
    this.#hands.abortAll()
  }
}
