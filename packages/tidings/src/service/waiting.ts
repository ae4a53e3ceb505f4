import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Delivery } from '../broker/port/deliveries.ts'
import type { Report } from '../consumer/index.ts'
import type { Entity } from '../contract/index.ts'
import type { Environment } from '../environment/index.ts'
import type { Position } from '../event/index.ts'

/** After so long without the row a person is told. */
const patienceMs = 60_000
/** Waking is a hint that can be lost, so whoever waits looks again by itself. */
export const lookAgainMs = 10_000

/**
 * Ends a handler because a row that it needs is not in the replica yet: the transaction rolls back, no attempt is
 * counted, and the event is handled again when the row arrives. Events of other keys go on meanwhile.
 *
 * ```ts
 * const buyer = (await customers.get(id)) ?? waitFor(crm.customer, id)
 * ```
 */
export function waitFor(entity: Pick<Entity, 'topic'>, key: string | number): never {
  throw new WaitSignal(entity.topic, String(key))
}

/** What `waitFor` throws. Not an error: nothing went wrong. */
export class WaitSignal extends Error {
  override readonly name = 'WaitSignal'
  readonly topic: string
  /** `undefined` for the whole replica. */
  readonly key: string | undefined

  constructor(topic: string, key: string | undefined) {
    super(key === undefined ? `waits for the replica of ${topic}` : `waits for ${topic} ${key}`)
    this.topic = topic
    this.key = key
  }
}

interface Waiter {
  readonly subscription: string
  readonly position: Position
  readonly topic: string
  readonly key: string | undefined
  readonly since: number
  reported: boolean
}

/** Deliveries of this process that wait for rows, so that they are woken when those arrive. */
export class Waiting {
  readonly #parts: {
    readonly broker: Broker
    readonly caller: Caller
    readonly environment: Environment
    readonly report: Report
  }
  readonly #waiters = new Map<string, Waiter>()

  constructor(parts: { broker: Broker; caller: Caller; environment: Environment; report: Report }) {
    this.#parts = parts
  }

  /** A delivery is settled with `wait`. `isThere` looks once more: the row may have come while that was under way. */
  async add(
    subscription: string,
    { position }: Delivery,
    signal: WaitSignal,
    isThere: () => Promise<boolean>,
  ): Promise<void> {
    const name = `${subscription} ${position}`
    const { topic, key } = signal
    const before = this.#waiters.get(name)
    const since = before?.since ?? this.#now()
    const waiter: Waiter = { subscription, position, topic, key, since, reported: before?.reported ?? false }
    this.#waiters.set(name, waiter)
    if (!waiter.reported && this.#now() - since >= patienceMs) this.#tell(waiter)
    if (await isThere()) await this.#wake([waiter])
  }

  /** A delivery is settled otherwise, so it waits no more. */
  remove(subscription: string, { position }: Delivery): void {
    this.#waiters.delete(`${subscription} ${position}`)
  }

  /** Rows of a topic's replica have arrived. */
  arrived(topic: string, keys: readonly string[] | 'any'): void {
    if (this.#waiters.size === 0) return
    const known = keys === 'any' ? undefined : new Set(keys)
    const due = [...this.#waiters.values()].filter(
      (waiter) => waiter.topic === topic && (!known || (waiter.key !== undefined && known.has(waiter.key))),
    )
    void this.#wake(due)
  }

  list(): readonly { readonly topic: string; readonly key: string | undefined; readonly sinceMs: number }[] {
    return [...this.#waiters.values()].map(({ topic, key, since }) => ({ topic, key, sinceMs: this.#now() - since }))
  }

  async #wake(waiters: readonly Waiter[]): Promise<void> {
    const { broker, caller } = this.#parts
    for (const subscription of new Set(waiters.map((waiter) => waiter.subscription))) {
      const due = waiters.filter((waiter) => waiter.subscription === subscription)
      const positions = due.map(({ position }) => position)
      await broker.wake(caller, { subscription, positions }).catch(() => undefined)
    }
  }

  #tell(waiter: Waiter): void {
    waiter.reported = true
    const { subscription, position, topic, key, since } = waiter
    const waitedMs = this.#now() - since
    this.#parts.report({
      level: 'error',
      message: `${subscription} has waited ${Math.round(waitedMs / 1_000)} s for ${topic} ${key ?? '(its replica)'}; events of its key wait behind it. Does the owner publish it?`,
      details: { subscription, position, topic, key, waitedMs },
    })
  }

  #now(): number {
    return this.#parts.environment.clock.monotonic()
  }
}
