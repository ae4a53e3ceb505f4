import { TidingsError } from '../errors.ts'
import type { Engine, LogDescription } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import { parsePosition, validateName } from '../event/index.ts'
import { Catalog, type StoredSeekRate, type StoredSubscription, type StoredTopic } from './catalog.ts'
import type { CompileSchema } from './check-event.ts'
import { heldSchemas, withoutTopic } from './contracts/held.ts'
import { forgetNeedsOf, forgetNeedsOfTopic } from './contracts/needs.ts'
import type { NextDue } from './due-times.ts'
import { checkFilter, completed, resolvePolicy } from './policy.ts'
import type { Pause, SubscriptionDefinition } from './port/subscriptions.ts'
import type { TopicDefinition } from './port/topics.ts'
import { Expiry } from './expiry.ts'
import { LedgerWatch } from './ledger-watch.ts'
import { keepPriorities, ledgerCount } from './priorities.ts'
import { Publisher } from './publisher.ts'
import { checkConsumer, checkReplies } from './reply-topics.ts'
import { Retention, type RetentionOptions } from './retention.ts'
import { conflict, refuseWithoutService, unknownPosition } from './namespace-refusals.ts'
import { Runners } from './runners.ts'
import { Schedules } from './schedules.ts'
import { checkTopic } from './topic-form.ts'
import { SubscriptionRunner } from './subscription-runner.ts'

export interface NamespaceOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly namespace: string
  readonly maxPayloadBytes: number
  readonly compileSchema: CompileSchema | undefined
  readonly nextDue: NextDue | undefined
  readonly retention: Pick<RetentionOptions, 'everyMs' | 'report'>
}

/** The topics and subscriptions of one namespace on this server, opened when somebody needs them. */
export class Namespace {
  readonly catalog: Catalog
  readonly schedules: Schedules
  readonly retention: Retention
  readonly #expiry: Expiry
  readonly #options: NamespaceOptions
  readonly #publishers = new Map<string, Publisher>()
  readonly #incarnations = new Map<string, string>()
  readonly #runners: Runners

  constructor(options: NamespaceOptions) {
    const watch = new LedgerWatch(options.engine)
    this.#options = { ...options, engine: watch.engine }
    this.catalog = new Catalog(options.engine, options.namespace)
    this.#runners = new Runners((name, onLost) => this.#startRunner(name, onLost))
    const parts = { watch, environment: options.environment, namespace: this, name: options.namespace }
    this.schedules = new Schedules({ ...options, namespace: this, name: options.namespace })
    this.#expiry = new Expiry({ engine: options.engine, report: options.retention.report, ...parts })
    this.retention = new Retention({ ...options.retention, ...parts, expiry: this.#expiry })
  }

  get name(): string {
    return this.#options.namespace
  }

  // ------------------------------------------------------------------------------------------------------------ topics

  async topic(name: string): Promise<StoredTopic> {
    const topic = this.catalog.known('topic', name) ?? (await this.catalog.find('topic', validateName(name, 'topic')))
    if (topic) return topic
    throw new TidingsError(
      'topic-unknown',
      `There is no topic ${name} in namespace ${this.#options.namespace}; create it first, or check the name.`,
      {
        details: { topic: name },
      },
    )
  }

  async describe(name: string): Promise<LogDescription> {
    await this.topic(name)
    const description = await this.#options.engine.log.describe(this.#id(name))
    if (description) return description
    throw new TidingsError('topic-unknown', `Topic ${name} was removed.`, { details: { topic: name } })
  }

  async incarnation(name: string): Promise<string> {
    const known = this.#incarnations.get(name)
    if (known !== undefined) return known
    const { incarnation } = await this.describe(name)
    this.#incarnations.set(name, incarnation)
    return incarnation
  }

  /** Ready at once where the topic is in use already: publishing should not wait for anything but the disk. */
  publisher(name: string): Publisher | Promise<Publisher> {
    const known = this.#publishers.get(name)
    return known && this.catalog.known('topic', name) === known.topic ? known : this.#openPublisher(name)
  }

  async #openPublisher(name: string): Promise<Publisher> {
    const topic = await this.topic(name)
    const publisher = this.#newPublisher(topic, await this.incarnation(name))
    this.#publishers.set(name, publisher)
    return publisher
  }

  async #replyPublisher(name: string): Promise<Publisher | undefined> {
    const topic = this.catalog.known('topic', name) ?? (await this.catalog.find('topic', name))
    return topic?.replies ? this.publisher(name) : undefined
  }

  #newPublisher(topic: StoredTopic, incarnation: string): Publisher {
    const { engine, maxPayloadBytes, compileSchema } = this.#options
    const { catalog } = this
    return new Publisher({
      engine,
      id: this.#id(topic.topic),
      topic,
      catalog,
      incarnation,
      maxPayloadBytes,
      compileSchema,
    })
  }

  async putTopic(definition: TopicDefinition): Promise<void> {
    const { topic: name, kind, owner } = definition
    checkTopic(definition)
    await this.catalog.change('topic', name, async (present) => {
      if (present && present.owner !== owner)
        throw conflict(name, `belongs to the service ${present.owner}, not ${owner}`)
      const shards = definition.shards ?? present?.shards ?? this.#options.engine.capabilities.defaultShards
      const retention = definition.retention === undefined ? present?.retention : definition.retention
      const topic: StoredTopic = {
        topic: name,
        kind,
        owner,
        shards,
        ...(definition.replies ? { replies: true } : {}),
        ...(await heldSchemas(this.catalog, definition)),
        ...(retention && retention !== 'none' ? { retention } : {}),
      }
      checkReplies(definition, present)
      this.#newPublisher(topic, 'checked')
      await this.#options.engine.log.create(this.#id(name), { kind, shards })
      return topic
    })
  }

  async removeTopic(name: string): Promise<void> {
    const { owner } = await this.topic(name)
    for (const { subscription, topic } of await this.catalog.list('subscription')) {
      if (topic === name) await this.removeSubscription(subscription)
    }
    await this.schedules.removeAllOf(name)
    await forgetNeedsOfTopic(this.catalog, name)
    await this.catalog.change('contract', owner, (present) => (present ? withoutTopic(present, name) : null))
    await this.catalog.change('topic', name, () => null)
    this.#publishers.delete(name)
    this.#incarnations.delete(name)
    await this.#options.engine.log.remove(this.#id(name))
  }

  #id(topic: string): { namespace: string; topic: string } {
    return { namespace: this.#options.namespace, topic }
  }

  // ----------------------------------------------------------------------------------------------------- subscriptions

  async subscription(name: string): Promise<StoredSubscription> {
    const known =
      this.catalog.known('subscription', name) ??
      (await this.catalog.find('subscription', validateName(name, 'subscription')))
    if (known) return completed(known)
    throw this.#unknownSubscription(name)
  }

  #unknownSubscription(name: string): TidingsError {
    return new TidingsError(
      'subscription-unknown',
      `There is no subscription ${name} in namespace ${this.#options.namespace}; create it first, or check the name.`,
      { details: { subscription: name } },
    )
  }

  async putSubscription(definition: SubscriptionDefinition): Promise<void> {
    const { subscription: name, topic } = definition
    validateName(name, 'subscription')
    refuseWithoutService(name)
    checkConsumer(definition, await this.topic(topic))
    const filter = checkFilter(definition.filter)
    const stored = await this.catalog.change('subscription', name, async (present) => {
      if (present && present.topic !== topic) {
        throw new TidingsError(
          'subscription-conflict',
          `Subscription ${name} exists on topic ${present.topic}; remove it first, or choose another name.`,
          {
            details: { subscription: name, topic: present.topic },
          },
        )
      }
      const start = present?.start ?? (await this.offsetAfter(topic, definition.from))
      return {
        subscription: name,
        topic,
        filter,
        policy: keepPriorities(present, resolvePolicy(definition.policy)),
        start,
        ...(present?.paused ? { paused: present.paused } : {}),
        ...(present?.seekRate ? { seekRate: present.seekRate } : {}),
      }
    })
    await this.#apply(stored!)
  }

  /** Pauses a subscription, or ends its pause. */
  setPaused(name: string, paused: Pause | undefined): Promise<void> {
    return this.#amend(name, ({ paused: before, ...rest }) => (paused ? { ...rest, paused: before ?? paused } : rest))
  }

  /** Bounds what a seek hands out, or no more. */
  setSeekRate(name: string, seekRate: StoredSeekRate | undefined): Promise<void> {
    return this.#amend(name, ({ seekRate: _, ...rest }) => (seekRate ? { ...rest, seekRate } : rest))
  }

  async #amend(name: string, change: (present: StoredSubscription) => StoredSubscription): Promise<void> {
    const stored = await this.catalog.change('subscription', name, (present) => {
      if (!present) throw this.#unknownSubscription(name)
      return change(present)
    })
    await this.#apply(stored!)
  }

  /** Lets the subscription's runner, if there is one, go by what is stored. */
  async #apply(stored: StoredSubscription): Promise<void> {
    const runner = await this.#runners.ifOpen(stored.subscription)
    runner?.configure(completed(stored))
  }

  /** The offset after which a subscription that begins at `from` goes on. */
  async offsetAfter(topic: string, from: string): Promise<number> {
    const { head, incarnation, trimmed, kind } = await this.describe(topic)
    if (from === 'end') return head
    // What an event topic keeps below is kept for others; an entity topic keeps its newest states for everybody.
    if (from === 'beginning') return kind === 'entity' ? 0 : trimmed
    const offset = parsePosition(from, incarnation)
    if (offset > head) throw unknownPosition(from, `lies beyond the end of topic ${topic}`)
    if (offset < trimmed) throw unknownPosition(from, `lies before what topic ${topic} still holds`)
    return offset
  }

  async removeSubscription(name: string): Promise<void> {
    const { topic, policy } = await this.subscription(name)
    const { shards } = await this.topic(topic)
    await this.#runners.stop(name)
    await this.#expiry.forget(name)
    await forgetNeedsOf(this.catalog, { subscription: name, topic })
    await this.catalog.change('subscription', name, () => null)
    for (let shard = 0; shard < ledgerCount(shards, policy); shard++) {
      await this.#options.engine.ledger.remove({ namespace: this.#options.namespace, ledger: name, shard })
    }
  }

  /** The subscriptions of a topic that are open here. */
  openRunners(topic: string): Promise<readonly SubscriptionRunner[]> {
    return this.#runners.allOpen((name) => this.catalog.known('subscription', name)?.topic === topic)
  }

  /** The runner of a subscription, where it is open here. */
  openRunner(name: string): Promise<SubscriptionRunner | undefined> {
    return this.#runners.ifOpen(name)
  }

  runner(name: string): Promise<SubscriptionRunner> {
    return this.#runners.open(name)
  }

  async #startRunner(name: string, onLost: () => void): Promise<SubscriptionRunner> {
    const definition = await this.subscription(name)
    const topic = await this.topic(definition.topic)
    const { engine, environment } = this.#options
    const incarnation = await this.incarnation(topic.topic)
    return SubscriptionRunner.start({
      engine,
      environment,
      topicId: this.#id(topic.topic),
      topic,
      incarnation,
      definition,
      maxPayloadBytes: this.#options.maxPayloadBytes,
      publisher: (name) => this.#replyPublisher(name),
      onLost,
    })
  }

  async stop(): Promise<void> {
    await Promise.all([this.schedules.stop(), this.retention.stop()])
    await this.#runners.stopAll()
  }
}
