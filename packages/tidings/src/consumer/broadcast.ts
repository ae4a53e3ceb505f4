import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Delivery } from '../broker/port/deliveries.ts'
import type { PositionedEvent } from '../broker/port/events.ts'
import { Backoff, systemEnvironment, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { consume } from './consume.ts'

const pageSize = 1_000

export interface BroadcastOptions {
  readonly broker: Broker
  readonly caller: Caller
  /** `<service>.<name>`; the subscription of this instance is `<service>.<name>.<instance>`. */
  readonly name: string
  /** Names this running instance: lower-case letters, digits, `-` and `_`. */
  readonly instance: string
  readonly topic: string
  /**
   * Called before the first event, and again whenever events may have been missed: whatever was known is void. Of an
   * entity topic it gets the newest event of each key, tombstones included. What comes after may tell older states
   * again: keep the version of each key.
   */
  readonly onReset: (newest: AsyncIterable<PositionedEvent>) => Promise<void>
  readonly onEvent: (delivery: Delivery) => Promise<void>
  /**
   * The subscription of an instance that is gone without a good-bye ends after so many milliseconds, so that it holds
   * nothing for ever: an hour where absent. An instance that was away for longer is reset when it comes back.
   */
  readonly expiresAfterMs?: number
  readonly environment?: Environment
  readonly onTrouble?: (error: Error) => void
}

/** A running part that gives one instance every event of a topic. */
export interface Broadcast {
  start(): void
  /** Ends the subscription of this instance, which is gone from here on. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Gives this instance every event of a topic, beside all other instances, each with a subscription of its own: it lives
 * as long as the instance, so that nothing is missed while the line is broken. When it is gone all the same, the
 * instance is reset and never goes on as if nothing had happened.
 */
export function broadcast(options: BroadcastOptions): Broadcast {
  const stopping = new AbortController()
  let loop: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    stopping.abort()
    await loop
  }
  return {
    start() {
      loop ??= run(options, stopping.signal)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function run(options: BroadcastOptions, stopping: AbortSignal): Promise<void> {
  const { broker, caller, name, instance, environment = systemEnvironment, onTrouble } = options
  const subscription = `${name}.${instance}`
  const backoff = new Backoff(environment)
  while (!stopping.aborted) {
    try {
      await reset(options, subscription)
      backoff.reset()
      await consumeUntilGone(options, subscription, stopping)
    } catch (error) {
      onTrouble?.(error as Error)
    }
    if (!stopping.aborted) await backoff.pause(stopping)
  }
  await broker.removeSubscription(caller, subscription).catch(() => undefined)
}

/** The subscription comes before the listing, so that whatever the listing misses is delivered. */
async function reset(options: BroadcastOptions, subscription: string): Promise<void> {
  const { broker, caller, topic, onReset, expiresAfterMs = 3_600_000 } = options
  const policy = { onDeadLetter: 'continue', expiresAfterMs } as const
  await broker.putSubscription(caller, { subscription, topic, from: 'end', policy })
  // An earlier life of this instance may have left it behind, with what that life had not taken.
  await broker.seek(caller, { subscription, to: 'end' })
  const { kind } = await broker.topic(caller, topic)
  await onReset(kind === 'entity' ? newestOf(broker, caller, topic) : nothing())
}

async function* newestOf(broker: Broker, caller: Caller, topic: string): AsyncGenerator<PositionedEvent> {
  for (let cursor: string | undefined; ;) {
    const page = await broker.latest(caller, { topic, limit: pageSize, ...(cursor === undefined ? {} : { cursor }) })
    yield* page.events
    if (page.next === undefined) return
    cursor = page.next
  }
}

async function* nothing(): AsyncGenerator<PositionedEvent> {}

async function consumeUntilGone(
  { broker, caller, onEvent, environment, onTrouble }: BroadcastOptions,
  subscription: string,
  stopping: AbortSignal,
): Promise<void> {
  let end: () => void = () => undefined
  const gone = new Promise<void>((resolve) => (end = resolve))
  stopping.addEventListener('abort', end, { once: true })
  const consumer = consume({
    broker,
    caller,
    subscription,
    ...(environment && { environment }),
    handle: async (delivery) => {
      await onEvent(delivery)
      return { action: 'ack' }
    },
    onTrouble: (error) => {
      onTrouble?.(error)
      if (error instanceof TidingsError && error.code === 'subscription-unknown') end()
    },
  })
  consumer.start()
  if (!stopping.aborted) await gone
  stopping.removeEventListener('abort', end)
  await consumer.stop()
}
