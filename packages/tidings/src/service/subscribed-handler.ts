import type { Broker } from '../broker/port/broker.ts'
import type { Delivery, OutcomeAction } from '../broker/port/deliveries.ts'
import type { SubscriptionDescription } from '../broker/port/subscriptions.ts'
import { consume, outcomeOf } from '../consumer/index.ts'
import { Backoff } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Position } from '../event/index.ts'
import { continuedAt, DatabaseWentBack, recover, type Inbox } from '../inbox/index.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { handleDelivery, type HandlerParts } from './handler.ts'
import type { HandlerOptions } from './types.ts'
import type { Waiting, WaitSignal } from './waiting.ts'

export interface SubscribedHandlerOptions extends HandlerParts {
  readonly options: HandlerOptions
  readonly waiting: Waiting
  /** Whether what is waited for is there. */
  readonly isThere: (signal: WaitSignal) => Promise<boolean>
}

/**
 * A handler with its subscription: *connecting* until the subscription exists and the database is known to stand where it
 * stood, then *consuming*; when the subscription is gone it connects again.
 */
export class SubscribedHandler {
  readonly #parts: SubscribedHandlerOptions
  readonly #inbox: Inbox
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #tried: Promise<void> | undefined
  #reconnect: (() => void) | undefined
  /** The topic did not exist when this handler was already there: all of it is new to it. */
  #sawNoTopic = false

  constructor(parts: SubscribedHandlerOptions) {
    this.#parts = parts
    this.#inbox = parts.inbox
  }

  /** Resolves when the subscription exists, or could not be had at first; then it is asked for in the background. */
  start(): Promise<void> {
    this.#tried ??= new Promise((resolve) => {
      this.#loop = this.#run(resolve)
    })
    return this.#tried
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#reconnect?.()
    await this.#loop
    this.#inbox.stop()
  }

  async #run(tried: () => void): Promise<void> {
    const backoff = new Backoff(this.#parts.environment)
    while (!this.#stopping.signal.aborted) {
      try {
        const description = await this.#connect()
        backoff.reset()
        tried()
        await this.#consume(description)
      } catch (error) {
        this.#trouble(error)
      }
      tried()
      if (!this.#stopping.signal.aborted) await backoff.pause(this.#stopping.signal)
    }
  }

  async #connect(): Promise<SubscriptionDescription> {
    const { broker, caller, database, report } = this.#parts
    const description = await this.#subscribe(broker)
    const wantsEverything = this.#parts.options.from === 'beginning'
    const recovery = await recover({ broker, caller, database, inbox: this.#inbox, description, wantsEverything })
    const { subscription } = this.#inbox
    if (recovery === 'went-back') {
      const message = `The database was restored to an older state than ${subscription} knows; what it lost since is delivered again.`
      report({ level: 'warning', message, details: { subscription } })
    }
    if (recovery === 'went-on') {
      const message = `The broker's store was restored to an older state than ${subscription}, which goes on where its database stands; what was published after the backup is not there any more.`
      report({ level: 'warning', message, details: { subscription } })
    }
    if (recovery === 'older') {
      const message = `The database is older than ${subscription}, whose effects since it lacks; seek the subscription to where they begin, with the effects "missing".`
      report({ level: 'error', message, details: { subscription } })
    }
    return description
  }

  async #subscribe(broker: Broker): Promise<SubscriptionDescription> {
    const { caller, handler, options } = this.#parts
    const { from, filter, concurrency: _, prefetch: __, ...policy } = options
    const floor = await this.#inbox.floor()
    // A restored broker may not know the subscription yet, and the database knows where it stood.
    const continued = floor === undefined ? undefined : await continuedAt({ broker, caller }, handler.topic, floor)
    try {
      return await broker.putSubscription(caller, {
        subscription: this.#inbox.subscription,
        topic: handler.topic,
        from: continued?.position ?? (from === 'end' && this.#sawNoTopic ? 'beginning' : from),
        filter: { ...filter, types: [...handler.types.keys()] },
        policy,
      })
    } catch (error) {
      this.#sawNoTopic ||= error instanceof TidingsError && error.code === 'topic-unknown'
      throw error
    }
  }

  /** Consumes until it is stopped or the subscription is gone. */
  async #consume(description: SubscriptionDescription): Promise<void> {
    const { broker, caller, environment, options, report } = this.#parts
    const ended = new Promise<void>((resolve) => (this.#reconnect = resolve))
    const waits = new Map<string, WaitSignal>()
    const attempts = new FailedAttempts({ report, environment, description })
    // In another life of the topic it has to be found out again where the database stands.
    const isThisLife = (position: Position): boolean => lifeOf(position) === lifeOf(description.floor)
    const consumer = consume({
      broker,
      caller,
      subscription: description.subscription,
      environment,
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      ...(options.prefetch === undefined ? {} : { prefetch: options.prefetch }),
      watermark: () => this.#inbox.counter,
      handle: async (delivery, hold) => {
        if (!isThisLife(delivery.position)) {
          this.#reconnect?.()
          return { action: 'release' }
        }
        try {
          const { outcome, waits: waited } = await handleDelivery(this.#parts, delivery, hold)
          if (waited) waits.set(delivery.lease, waited)
          return outcome
        } catch (error) {
          if (error instanceof DatabaseWentBack) {
            this.#trouble(error)
            this.#reconnect?.()
            return { action: 'release' }
          }
          const outcome = outcomeOf(error, environment.clock.now())
          // After its lease nobody waits for the outcome, and what failed may be just that.
          if (!hold.isOver) attempts.failed(delivery, outcome, error)
          return outcome
        }
      },
      onSettled: (delivery, outcome) => {
        const waited = waits.get(delivery.lease)
        waits.delete(delivery.lease)
        this.#settled(delivery, outcome, waited)
      },
      onProgress: (progress) => (isThisLife(progress.floor) ? this.#inbox.passed(progress) : this.#reconnect?.()),
      onTrouble: (error) => this.#trouble(error),
    })
    consumer.start()
    if (!this.#stopping.signal.aborted) await ended
    this.#reconnect = undefined
    await consumer.stop()
  }

  #settled(delivery: Delivery, outcome: OutcomeAction, waited: WaitSignal | undefined): void {
    const { waiting, isThere } = this.#parts
    if (outcome.action !== 'wait' || !waited) return waiting.remove(this.#inbox.subscription, delivery)
    void waiting
      .add(this.#inbox.subscription, delivery, waited, () => isThere(waited))
      .catch((error: unknown) => this.#trouble(error))
  }

  #trouble(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    const { subscription } = this.#inbox
    const code = error instanceof TidingsError ? error.code : undefined
    if (code === 'subscription-unknown' || code === 'topic-unknown') this.#reconnect?.()
    const message = error instanceof Error ? error.message : String(error)
    this.#parts.report({ level: 'warning', message: `${subscription}: ${message}`, error, details: { subscription } })
  }
}

function lifeOf(position: Position): string {
  return position.split('.')[0]!
}
