import type { Engine, LogDescription, TopicId } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import type { StoredTopic } from './catalog.ts'
import type { Expiry } from './expiry.ts'
import type { LedgerWatch } from './ledger-watch.ts'
import type { Namespace } from './namespace.ts'
import { Needs } from './needs.ts'
import type { BrokerNotice } from './port/broker.ts'
import { Overtakes } from './overtakes.ts'
import type { RetentionHold, RetentionLoss } from './port/topics.ts'

const defaultEveryMs = 60_000
const defaultTombstonesMs = 30 * 24 * 3_600_000

export interface RetentionOptions {
  readonly watch: LedgerWatch
  readonly environment: Environment
  readonly namespace: Namespace
  /** The name of that namespace. */
  readonly name: string
  readonly expiry: Expiry
  readonly everyMs: number | undefined
  readonly report: ((notice: BrokerNotice) => void) | undefined
}

/**
 * Trims the topics of a namespace to the bounds that they were given, and what a subscription still needs only where the
 * topic says so: else the log grows by its backlog, and the subscription that holds it is named.
 */
export class Retention {
  readonly #options: RetentionOptions
  readonly #held = new Map<string, RetentionHold>()
  readonly #overtakes: Overtakes
  #cancelTimer: () => void = () => undefined
  #running: Promise<void> | undefined
  #stopped = true

  constructor(options: RetentionOptions) {
    this.#options = options
    this.#overtakes = new Overtakes({ ...options, everyMs: options.everyMs ?? defaultEveryMs })
  }

  /** Who lost something of a topic, until the loss has been over for a minute. */
  overtaken(topic: string): readonly RetentionLoss[] | undefined {
    return this.#overtakes.of(topic)
  }

  /** Who kept the last trim of a topic from its bounds. */
  held(topic: string): RetentionHold | undefined {
    return this.#held.get(topic)
  }

  start(): void {
    this.#stopped = false
    this.#setTimer()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    await this.#running
  }

  #setTimer(): void {
    if (this.#stopped) return
    const { environment, everyMs = defaultEveryMs } = this.#options
    this.#cancelTimer = environment.timers.after(everyMs, () => {
      this.#running = this.tick().finally(() => this.#setTimer())
    })
  }

  /** Removes what has expired, and trims every topic that has bounds. What fails is tried again at the next tick. */
  async tick(): Promise<void> {
    const { expiry, everyMs = defaultEveryMs } = this.#options
    try {
      await expiry.tick(2 * everyMs)
    } catch (error) {
      this.#warn('It could not be found out which subscriptions have expired', error, {})
    }
    for (const topic of await this.#topics()) {
      if (!topic.retention || this.#stopped) continue
      try {
        await this.#trim(topic)
      } catch (error) {
        this.#warn(`Topic ${topic.topic} could not be trimmed`, error, { topic: topic.topic })
      }
    }
  }

  async #topics(): Promise<readonly StoredTopic[]> {
    try {
      return await this.#options.namespace.catalog.list('topic')
    } catch (error) {
      this.#warn('It could not be found out which topics there are to trim', error, {})
      return []
    }
  }

  #warn(what: string, error: unknown, details: BrokerNotice['details']): void {
    if (this.#stopped) return
    const message = `${what}: ${error instanceof Error ? error.message : String(error)}`
    this.#options.report?.({ level: 'warning', message, error, details })
  }

  async #trim(topic: StoredTopic): Promise<void> {
    const { watch, environment, name } = this.#options
    const { engine } = watch
    const id = { namespace: name, topic: topic.topic }
    const description = await engine.log.describe(id)
    if (!description || !topic.retention) return
    const now = environment.clock.now()
    const bound = await boundOf(engine, id, { description, retention: topic.retention, now })
    if (bound === 0) return
    if (topic.retention.overtakes) await this.#overtake(topic, bound)
    const needs = new Needs(watch, name)
    try {
      await this.#read(needs, topic)
      const { lowest } = needs
      await this.#tell(id, bound, lowest, now)
      const through = Math.min(bound, lowest?.floor ?? Infinity)
      const { tombstonesMs = defaultTombstonesMs } = topic.retention
      // Where an earlier trim went further, what it left is needed still, or goes with the next one that comes so far.
      if (through < description.trimmed) return
      await engine.log.trim(id, through, { keep: needs.offsets(through), tombstonesBefore: now - tombstonesMs })
    } finally {
      needs.stop()
    }
  }

  /** Nobody needs anything up to the bound afterwards, but for what is with consumers. */
  async #overtake(topic: StoredTopic, bound: number): Promise<void> {
    const needs = new Needs(this.#options.watch, this.#options.name)
    try {
      await this.#read(needs, topic)
    } finally {
      needs.stop()
    }
    await this.#overtakes.overtake(topic.topic, bound, needs.below(bound))
  }

  async #read(needs: Needs, topic: StoredTopic): Promise<void> {
    for (const subscription of await this.#options.namespace.catalog.list('subscription')) {
      if (subscription.topic === topic.topic) await needs.read(subscription, topic.shards)
    }
  }

  /** Warns once when a subscription begins to hold a topic. */
  async #tell(
    id: TopicId,
    bound: number,
    lowest: { readonly subscription: string; readonly floor: number } | undefined,
    now: number,
  ): Promise<void> {
    const { topic } = id
    if (!lowest || lowest.floor >= bound) return void this.#held.delete(topic)
    const { subscription, floor } = lowest
    const [oldest] = (await this.#options.watch.engine.log.read(id, { after: floor, limit: 1 })).records
    const hold = { subscription, events: bound - floor, oldestMs: oldest ? Math.max(0, now - oldest.appendedAt) : 0 }
    const before = this.#held.get(topic)
    this.#held.set(topic, hold)
    if (before?.subscription === subscription) return
    this.#options.report?.({
      level: 'warning',
      message: `Subscription ${subscription} holds ${hold.events} events of topic ${topic} that its retention would remove, the oldest for ${Math.round(hold.oldestMs / 1_000)} s. Let it catch up, or remove it: tidings subscriptions remove ${subscription}; or let it go when nobody has consumed it for some time: tidings subscriptions create ${subscription} --update --expires-after 7d`,
      details: { topic, ...hold },
    })
  }
}

/** Up to which offset a topic's bounds would remove its events; 0 for none. */
async function boundOf(
  engine: Engine,
  id: TopicId,
  given: {
    readonly description: LogDescription
    readonly retention: NonNullable<StoredTopic['retention']>
    readonly now: number
  },
): Promise<number> {
  const { description, retention, now } = given
  const { head, trimmed } = description
  const { maxEvents, maxAgeMs, maxBytes } = retention
  const byCount = maxEvents === undefined ? 0 : Math.max(0, head - maxEvents)
  const bySize = maxBytes === undefined ? 0 : await engine.log.offsetBehind(id, maxBytes)
  const bound = Math.max(byCount, bySize)
  if (maxAgeMs === undefined) return bound
  // Looks for the last event that is too old among those that were not trimmed.
  let low = trimmed
  let high = head
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [record] = (await engine.log.read(id, { after: middle, limit: 1 })).records
    if (record && record.appendedAt < now - maxAgeMs) low = record.offset
    else high = middle
  }
  return Math.max(bound, low)
}
