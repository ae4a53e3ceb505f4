import type { Caller } from '../broker/port/broker.ts'
import type { Delivery, OutcomeAction } from '../broker/port/deliveries.ts'
import { reasonOf, type HeldDelivery } from '../consumer/index.ts'
import { decodeEvent, type EventType } from '../contract/index.ts'
import type { Transaction } from '../database/index.ts'
import { RefuseError, TerminalError, TidingsError } from '../errors.ts'
import type { AttributeValue, Event } from '../event/index.ts'
import type { Inbox } from '../inbox/index.ts'
import type { CollectingTransaction } from './service-transaction.ts'
import type { HandlerReads, ObservedDelivery } from './handler-reads.ts'
import type { EventOf, HandlerContext, ServiceParts } from './types.ts'
import { acknowledge, encodeAnswer, wantsAnswer } from './task-answer.ts'
import { lookAgainMs, WaitSignal } from './waiting.ts'

/** A handler as it was given to `on`, its types forgotten. */
export interface Handler {
  readonly name: string
  readonly topic: string
  readonly types: ReadonlyMap<string, EventType>
  /** What is seen of its reading. */
  readonly reads: HandlerReads
  readonly run: (context: HandlerContext<string, EventType>) => unknown
}

export interface HandlerParts extends ServiceParts {
  readonly caller: Caller
  readonly handler: Handler
  readonly inbox: Inbox
  /** Runs work in a transaction of the database and writes what it publishes into the outbox; `before` runs first. */
  readonly transact: <Result>(
    attributes: Readonly<Record<string, AttributeValue>>,
    before: (transaction: Transaction) => Promise<void>,
    work: (tx: CollectingTransaction) => Promise<Result> | Result,
  ) => Promise<Result>
  /** The replicas of this service: what its handlers can wait for. */
  readonly replicas: readonly { readonly name: string; readonly topic: string }[]
}

/** The inbox has this delivery: somebody else applied it in the meantime. */
class AlreadyApplied extends Error {
  override readonly name = 'AlreadyApplied'
}

/** The lease of this delivery has ended, and its row in the inbox may be gone. */
class Echo extends Error {
  override readonly name = 'Echo'
}

/**
 * Handles one delivery: not at all when its effect is in the database, else the handler once; `transaction` writes the
 * inbox row first, and where the handler never calls it the row is written after it. Answers how the delivery ends; what
 * it waits for comes as a `WaitSignal` beside it. Rejects with what the attempt failed of.
 */
export async function handleDelivery(
  parts: HandlerParts,
  delivery: Delivery,
  hold: HeldDelivery,
): Promise<{ outcome: OutcomeAction; waits?: WaitSignal }> {
  if (delivery.replay === 'skip') return { outcome: { action: 'ack' } }
  if (await parts.inbox.has(delivery)) return { outcome: await acknowledgeAgain(parts, delivery) }
  if ((await parts.inbox.mayBeEcho(delivery)) && !(await holdsLease(parts, delivery))) return echo
  const attempt = new Attempt(parts, delivery, hold)
  try {
    await attempt.run()
  } catch (error) {
    if (attempt.counter !== undefined) reportAfterCommit(parts, delivery, error)
    else return await outcomeWithoutEffect(parts, delivery, error)
  }
  await parts.inbox.confirm(attempt.counter)
  return { outcome: acknowledge(attempt.answer) }
}

/** What a delivery ends with whose handler failed before its transaction was committed. */
async function outcomeWithoutEffect(
  parts: HandlerParts,
  delivery: Delivery,
  error: unknown,
): Promise<{ outcome: OutcomeAction; waits?: WaitSignal }> {
  if (error instanceof RefuseError && wantsAnswer(parts, delivery)) {
    return { outcome: { action: 'refuse', reason: error.message } }
  }
  if (error instanceof AlreadyApplied) return { outcome: await acknowledgeAgain(parts, delivery) }
  if (error instanceof Echo) return echo
  const waits = waitSignalOf(parts, error)
  if (waits) return { outcome: { action: 'wait', reason: waits.message, afterMs: lookAgainMs }, waits }
  throw error
}

/** Its effect is here, and so is its answer: the settle that told it may have been lost. */
async function acknowledgeAgain(parts: HandlerParts, delivery: Delivery): Promise<OutcomeAction> {
  await parts.inbox.confirm()
  return acknowledge(wantsAnswer(parts, delivery) ? await parts.inbox.answer(delivery) : undefined)
}

/** Nobody waits for the outcome of an echo: its lease has ended, so this changes nothing at the broker. */
const echo = { outcome: { action: 'release' } } as const

/** Whether the broker still counts on this delivery. */
async function holdsLease({ broker, caller, inbox }: HandlerParts, { lease }: Delivery): Promise<boolean> {
  const [answer] = await broker.renew(caller, { subscription: inbox.subscription, leases: [lease], leaseMs: 30_000 })
  return answer?.status === 'settled'
}

/** The event is handled and will not come again, so somebody has to know that the rest of the handler failed. */
function reportAfterCommit({ handler, inbox, report }: HandlerParts, delivery: Delivery, error: unknown): void {
  report({
    level: 'error',
    message: `${inbox.subscription}: the handler failed after its transaction was committed (${reasonOf(error)}); what follows the transaction is not repeated. Do what may fail before it.`,
    error,
    details: { handler: handler.name, position: delivery.position, id: delivery.event.id },
  })
}

function waitSignalOf({ handler, replicas }: HandlerParts, error: unknown): WaitSignal | undefined {
  if (error instanceof TidingsError && error.code === 'replica-not-ready') {
    const replica = replicas.find(({ name }) => name === error.details['replica'])
    return replica && new WaitSignal(replica.topic, undefined)
  }
  if (!(error instanceof WaitSignal)) return undefined
  if (error.topic === handler.topic) {
    throw new TerminalError(
      `Handler ${handler.name} handles ${handler.topic} and cannot wait for it: what it waits for may stand behind it.`,
    )
  }
  if (!replicas.some(({ topic }) => topic === error.topic)) {
    throw new TerminalError(
      `Handler ${handler.name} waits for ${error.topic}, of which its service has no replica; replicate() it.`,
    )
  }
  return error
}

/** One call of a handler. */
class Attempt {
  /** Of the inbox, once the transaction is committed. */
  counter: number | undefined
  /** What whoever asked for the task is told. */
  answer: Uint8Array | undefined
  readonly #parts: HandlerParts
  readonly #delivery: Delivery
  readonly #hold: HeldDelivery
  #called = false

  constructor(parts: HandlerParts, delivery: Delivery, hold: HeldDelivery) {
    this.#parts = parts
    this.#delivery = delivery
    this.#hold = hold
  }

  async run(): Promise<void> {
    const { handler, reached } = this.#parts
    const event = await this.#event()
    const observing = handler.reads.begin()
    await reached('before-handler')
    const returned = observing ? await this.#observe(event, observing) : await handler.run(this.#context(event))
    if (this.counter === undefined) await this.#transact(() => returned)
  }

  /**
   * Where a handler does what no proxy bears, it gets the data as it is from here on, and at once unless its transaction
   * is committed: then it fails like any other that fails there.
   */
  async #observe(event: EventOf<EventType>, observing: ObservedDelivery): Promise<unknown> {
    const { handler } = this.#parts
    try {
      return await handler.run(this.#context(observing.event(event)))
    } catch (error) {
      if (!isCloneError(error)) throw error
      handler.reads.giveUp()
      if (this.counter !== undefined) throw error
      this.#called = false
      return await handler.run(this.#context(event))
    } finally {
      observing.end()
    }
  }

  #context(event: EventOf<EventType>): HandlerContext<string, EventType> {
    const hold = this.#hold
    return {
      event,
      idempotencyKey: idempotencyKey(this.#parts.inbox.subscription, this.#delivery),
      transaction: (work) => this.#transaction(work),
      get signal() {
        return hold.signal
      },
      attempt: this.#delivery.attempt,
    }
  }

  async #event(): Promise<EventOf<EventType>> {
    const { event, position, replay } = this.#delivery
    const type = this.#parts.handler.types.get(event.type)
    if (!type) throw new TerminalError(`Handler ${this.#parts.handler.name} does not know the type ${event.type}.`)
    const { id, source, key, subject, time, extensions = {}, data: bytes } = event
    const data = await decodeEvent(type, event).catch((cause: unknown) => {
      throw new TerminalError(`unreadable: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    })
    return {
      id,
      source,
      type: event.type,
      key,
      subject,
      time,
      position,
      replay: replay !== undefined,
      extensions,
      data,
      bytes,
    }
  }

  async #transaction<Result>(work: (tx: CollectingTransaction) => Promise<Result> | Result): Promise<Result> {
    if (this.#called) {
      throw new TidingsError(
        'transaction-misuse',
        `Handler ${this.#parts.handler.name} called transaction() twice for one event; do everything in one.`,
      )
    }
    this.#called = true
    return await this.#transact(work)
  }

  async #transact<Result>(work: (tx: CollectingTransaction) => Promise<Result> | Result): Promise<Result> {
    const { inbox, transact, reached } = this.#parts
    let counter: number | undefined
    const result = await transact(
      causedBy(this.#delivery.event),
      async (transaction) => {
        // Whoever has the delivery now will handle it.
        if (this.#hold.isOver) this.#hold.signal.throwIfAborted()
        counter = await inbox.insert(transaction, this.#delivery)
        if (counter === undefined) throw new AlreadyApplied()
        // Looked up after the insert: a row that was pruned before it has left its floor, and no other comes after it.
        const mayBeEcho = await inbox.mayBeEcho(this.#delivery, transaction)
        if (mayBeEcho && !(await holdsLease(this.#parts, this.#delivery))) throw new Echo()
      },
      async (tx) => {
        const value = await work(tx)
        await this.#keepAnswer(tx, counter, value)
        await reached('before-commit')
        return value
      },
    )
    this.counter = counter
    await reached('after-commit')
    return result
  }

  /** In the commit of the effect, because a second delivery finds the effect and must give the same answer. */
  async #keepAnswer(tx: CollectingTransaction, counter: number | undefined, value: unknown): Promise<void> {
    const { handler, inbox } = this.#parts
    const type = handler.types.get(this.#delivery.event.type)
    if (counter === undefined || !type || !wantsAnswer(this.#parts, this.#delivery)) return
    this.answer = await encodeAnswer(type, value)
    await inbox.keepAnswer(tx, counter, this.answer)
  }
}

/** What `structuredClone` says of a proxy, and whatever copies like it. */
function isCloneError(error: unknown): boolean {
  return error instanceof Error && error.name === 'DataCloneError'
}

/** `<subscription>/<source>/<id>`, each escaped; a replay that is to run again is another call for those outside. */
function idempotencyKey(subscription: string, { event, generation, replay }: Delivery): string {
  const parts = [subscription, event.source, event.id, ...(replay === 'run' ? [String(generation)] : [])]
  return parts.map(encodeURIComponent).join('/')
}

/** The attributes that tie an event to the one that caused it. */
function causedBy({ id, extensions = {} }: Event): Record<string, AttributeValue> {
  const { correlationid = id, traceparent, tracestate } = extensions
  return {
    correlationid,
    causationid: id,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
  }
}
