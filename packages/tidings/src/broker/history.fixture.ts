import type { Engine } from '../engine/index.ts'
import { parsePosition, type Event, type Position } from '../event/index.ts'
import { mulberry32, type SimulatedEnvironment } from '../testing/index.ts'
import { ModelSubscription } from './history-model.fixture.ts'
import type { Arrival, Published } from './history-parts.fixture.ts'
import { beginLife, type Asked, type Life } from './lives.fixture.ts'
import type { Delivery, DeliveryStream, SubscriptionFilter, SubscriptionPolicy } from './index.ts'

export const caller = { namespace: 'default', principal: 'tester' }
export const topic = 'shop.order'
const filters: readonly SubscriptionFilter[] = [{}, {}, { exact: { subject: 'red' } }, { exact: { subject: 'blue' } }]
const retry = { quickDelaysMs: [100, 1_000], minDelayMs: 2_000, maxDelayMs: 4_000, maxAttempts: 3 }
const outage = { keys: 2, windowMs: 600_000, probeMs: 500 }

/** A stream that a consumer has open. */
export interface OpenStream {
  readonly subscription: ModelSubscription
  readonly holder: string
  readonly life: Life
  readonly stream: DeliveryStream
}

/** The topic, its brokers and their consumers, and what a plain model makes of them. */
export class World {
  engine: Engine
  readonly environment: SimulatedEnvironment
  readonly random: () => number
  readonly kind: 'entity' | 'event' | 'task'
  readonly shards: number
  readonly log: Published[] = []
  /** Offsets whose payload is gone for good, with the step that erased them. */
  readonly erased = new Map<number, number>()
  readonly trimmable = new Set<number>()
  readonly subscriptions: readonly ModelSubscription[]
  readonly streams = new Set<OpenStream>()
  /** Lives that somebody else took over from, and that do not know it. */
  readonly before = new Set<Life>()
  life!: Life
  incarnation = ''
  step = 0
  mostWall = 0
  /** Whether it is known when each event was appended. */
  timesAreKnown = true
  readonly owners = new Map<ModelSubscription, Life>()
  readonly #inbox: { readonly subscription: ModelSubscription; readonly arrival: Arrival; readonly life: Life }[] = []

  constructor(seed: number, engine: Engine, environment: SimulatedEnvironment) {
    this.random = mulberry32(seed)
    this.engine = engine
    this.environment = environment
    this.kind = this.pick(['event', 'event', 'entity', 'task'])
    this.shards = this.pick([1, 1, 2, 3])
    const names = this.pick([['shop.mail'], ['shop.mail', 'shop.stock']])
    this.subscriptions = names.map((name) => new ModelSubscription(name, this.anyPolicy(), this.pick(filters)))
  }

  anyPolicy(): SubscriptionPolicy {
    const choices = ['park', 'park', 'continue', 'supersede'] as const
    const onDeadLetter = this.pick(this.kind === 'task' ? choices.slice(0, 3) : choices)
    const urgent = { exact: { subject: 'blue' } }
    if (onDeadLetter === 'supersede' && this.chance(0.5)) {
      return { retry, outage, coalesce: { intervalMs: 1_500, urgent } }
    }
    const limits = this.pick([{}, {}, {}, { maxInFlight: 2 }, { rate: { perSecond: 50, burst: 5 } }])
    return { retry, outage, onDeadLetter, ...limits, ...(this.delayMs > 0 && { delayMs: this.delayMs }) }
  }

  /** Of every policy of this history: most know none. */
  get delayMs(): number {
    return (this.#delayMs ??= this.pick([0, 0, 0, 0, 0, 3_000]))
  }
  #delayMs: number | undefined

  anyFilter(): SubscriptionFilter {
    return this.pick(filters)
  }

  async open(): Promise<void> {
    await this.begin()
    const retention = 'none' as const
    const { broker } = this.life
    await broker.putTopic(caller, { topic, kind: this.kind, owner: 'shop', shards: this.shards, retention })
    for (const {
      name,
      policy,
      filters: [asked],
    } of this.subscriptions) {
      const definition = { subscription: name, topic, from: 'beginning', policy, filter: asked!.filter } as const
      await broker.putSubscription(caller, definition)
    }
    const { head } = await broker.topic(caller, topic)
    this.incarnation = head.slice(0, head.indexOf('.'))
  }

  /** Starts the broker that consumers and operators turn to from here on. */
  begin(): Promise<void> {
    this.#beginning ??= this.#begin().finally(() => (this.#beginning = undefined))
    return this.#beginning
  }
  #beginning: Promise<void> | undefined

  async #begin(): Promise<void> {
    this.life = await beginLife({
      engine: this.engine,
      environment: this.environment,
      onOwn: (life, { ledger }) => {
        const subscription = this.subscriptions.find(({ name }) => name === ledger)
        if (!subscription) return
        this.owners.set(subscription, life)
        subscription.owned({ monotonic: this.monotonic, wall: this.wall })
      },
    })
  }

  // ---------------------------------------------------------------------------------------------------------- chance

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }

  chance(of: number): boolean {
    return this.random() < of
  }

  // ------------------------------------------------------------------------------------------------------------ time

  get monotonic(): number {
    return this.environment.clock.monotonic()
  }

  get wall(): number {
    return this.environment.clock.now()
  }

  /** Lets time pass, and everything that follows from it; then looks at what came. */
  async pass(milliseconds: number): Promise<void> {
    this.mostWall = Math.max(this.mostWall, this.wall)
    await this.environment.advance(milliseconds)
    this.lookAtWhatCame()
  }

  offset(position: Position): number {
    return parsePosition(position, this.incarnation)
  }

  position(offset: number): Position {
    return `${this.incarnation}.${offset}`
  }

  // ------------------------------------------------------------------------------------------------------- deliveries

  /** Deliveries are looked at between two steps, when what was asked before they came has been answered. */
  came(
    life: Life,
    subscription: ModelSubscription,
    deliveries: readonly Delivery[],
    from: Pick<Arrival, 'holder' | 'pull'>,
  ): void {
    const { step, monotonic, wall } = this
    this.mostWall = Math.max(this.mostWall, wall)
    for (const delivery of deliveries) {
      const owned = this.owners.get(subscription) === life
      const now = { step, monotonic, wall, mostWall: this.mostWall, era: subscription.era, owned }
      this.#inbox.push({
        subscription,
        life,
        arrival: { delivery, offset: this.offset(delivery.position), ...from, ...now },
      })
    }
  }

  lookAtWhatCame(): void {
    for (const { subscription, arrival } of this.#inbox.splice(0)) {
      const { offset, owned, delivery } = arrival
      // One that somebody took over from goes by what it knew: a stream of it may deliver what nobody can settle.
      const counts = owned || arrival.pull !== undefined
      if (delivery.generation < subscription.leastGeneration) continue
      const objection = counts ? subscription.objection(arrival, this.log, this.erased) : undefined
      if (objection !== undefined)
        this.fail(`${subscription.name} was handed ${offset} (${delivery.event.id}): ${objection}`)
      if (counts) subscription.delivered(arrival, this.log[offset - 1]!.key)
    }
  }

  fail(what: string): never {
    throw new Error(`Step ${this.step}: ${what}.`)
  }

  require(holds: boolean, what: string): void {
    if (!holds) this.fail(what)
  }

  /** Whose words count: those of `life`, while nobody has taken over from it. */
  owns(life: Life, subscription: ModelSubscription): boolean {
    return this.owners.get(subscription) === life
  }

  // ----------------------------------------------------------------------------------------------------------- owners

  /** Makes the present life the owner of everything, and the only one that there is. */
  async ownAll(): Promise<void> {
    for (const life of this.before) life.end()
    this.before.clear()
    if (this.subscriptions.some((subscription) => !this.owns(this.life, subscription))) {
      // One that was replaced does not know it before it has something to commit.
      this.life.end()
      await this.begin()
    }
    for (const { name } of this.subscriptions) {
      await this.insist(({ broker }) => broker.stats(caller, name))
    }
  }

  /** Calls until there is an answer: what became of an earlier call is unknown. */
  async insist<Answer>(call: (life: Life) => Promise<Answer>): Promise<Answer> {
    for (let again = 0; ; again++) {
      if (this.life.ended) await this.begin()
      const asked: Asked<Answer> = await this.life.ask(call(this.life))
      if (asked.status === 'answered') return asked.answer
      if (again > 5) this.fail(`a call is not answered: ${JSON.stringify(asked)}`)
    }
  }

  /** What the topic has and nobody published: an erased entity's tombstone. */
  async readLog(): Promise<void> {
    const after = this.position(this.log.length)
    const { events } = await this.insist((life) => life.broker.read(caller, { topic, after, limit: 1_000 }))
    for (const { position, event, appendedAt } of events) {
      const offset = this.offset(position)
      this.require(offset === this.log.length + 1 && event.id.startsWith('erased-'), `nobody published ${offset}`)
      this.keep(offset, event, appendedAt, false)
    }
  }

  keep(offset: number, event: Event, appendedAt: number, stale: boolean): void {
    const { id, key, subject = 'none', data, extensions } = event
    const deliverAt = extensions?.deliverat
    const dueAt = deliverAt === undefined ? 0 : Date.parse(String(deliverAt))
    const text = data && new TextDecoder().decode(data)
    this.log[offset - 1] = { offset, id, key, subject, text, appendedAt, dueAt, stale }
  }
}
