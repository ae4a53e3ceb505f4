import { Audit } from './audit.ts'
import { systemEnvironment } from '../environment/index.ts'
import { validateName, type Position } from '../event/index.ts'
import { checkHolder, limits, refuseTwice, wholeNumber } from './arguments.ts'
import { Contracts } from './contracts/contracts.ts'
import { Entrance, resourceOf } from './entrance.ts'
import { eraseKey } from './erase.ts'
import { Follows } from './follow.ts'
import { keyHistory } from './history.ts'
import { Namespace } from './namespace.ts'
import type { BrokerOptions } from './options.ts'
import * as operate from './operate.ts'
import { Operators } from './operators.ts'
import type { Broker, Caller, ServiceRegistration } from './port/broker.ts'
import type {
  DeliveryStream,
  PullAnswer,
  PullRequest,
  RenewRequest,
  SettleAnswer,
  SettleRequest,
  StreamRequest,
} from './port/deliveries.ts'
import type {
  EraseAnswer,
  EraseRequest,
  FollowRequest,
  Follower,
  HistoryAnswer,
  HistoryRequest,
  LatestPage,
  LatestRequest,
  PublishAnswer,
  PublishRequest,
  ReadPage,
  ReadRequest,
} from './port/events.ts'
import type { SubscriptionDefinition, SubscriptionDescription } from './port/subscriptions.ts'
import type { TopicDefinition, TopicDescription } from './port/topics.ts'
import { readEvents, readLatest } from './read.ts'
import { resumeRedrives } from './resume.ts'
import { registerService } from './services.ts'

/** A broker in this process, over an engine that it starts and stops. */
export function createBroker(options: BrokerOptions): Broker {
  return new LocalBroker(options)
}

const mebibyte = 1_048_576

class LocalBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #entrance: Entrance
  readonly #operators: Operators
  readonly #contracts: Contracts
  readonly #follows: Follows
  readonly #audit: Audit
  #state: 'new' | 'running' | 'stopped' = 'new'
  #starting: Promise<void> | undefined

  constructor(options: BrokerOptions) {
    this.#options = options
    const { engine, environment = systemEnvironment, maxPayloadBytes = mebibyte, nextDue } = options
    const { compileSchema, checkCompatibility } = options
    const retention = { everyMs: options.retentionEveryMs, report: options.report }
    const open = (namespace: string): Namespace =>
      new Namespace({ engine, environment, namespace, maxPayloadBytes, compileSchema, nextDue, retention })
    this.#follows = new Follows({ engine, environment })
    this.#entrance = new Entrance(options.authorize, options.namespaces ?? ['default'], open, () => this.#state)
    this.#audit = new Audit(environment, (caller) => this.#entrance.namespace(caller))
    this.#operators = new Operators({ engine, environment, entrance: this.#entrance })
    this.#contracts = new Contracts({ entrance: this.#entrance, environment, compileSchema, checkCompatibility })
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    await this.#options.engine.start()
    try {
      for (const { catalog } of this.#entrance.namespaces()) await catalog.load()
    } catch (error) {
      await this.#options.engine.stop()
      throw error
    }
    this.#state = 'running'
    const { engine, report } = this.#options
    for (const namespace of this.#entrance.namespaces()) {
      namespace.schedules.start()
      namespace.retention.start()
      await resumeRedrives(engine, namespace, report)
    }
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    this.#starting = undefined
    if (this.#state !== 'running') return
    this.#state = 'stopped'
    this.#follows.stop()
    await Promise.all([...this.#entrance.namespaces()].map((namespace) => namespace.stop()))
    await this.#options.engine.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  // ------------------------------------------------------------------------------------------------ services and topics

  async registerService(caller: Caller, request: ServiceRegistration): Promise<void> {
    const { catalog } = this.#entrance.namespace(caller)
    const service = validateName(request.service, 'service')
    this.#entrance.allow(caller, request.replace ? 'operate' : 'define', { service })
    const register = (): Promise<void> => registerService(catalog, { ...request, service })
    if (request.replace) await this.#audit.act('replaceService', caller, request, register)
    else await register()
  }

  async putTopic(caller: Caller, request: TopicDefinition): Promise<TopicDescription> {
    const namespace = this.#entrance.namespace(caller)
    const { replies, ...defined } = request
    const topic = resourceOf(replies ? { ...defined, replies } : defined)
    this.#entrance.allow(caller, 'define', { topic })
    await namespace.putTopic(request)
    return operate.describeTopic(namespace, request.topic)
  }

  async topic(caller: Caller, topic: string): Promise<TopicDescription> {
    return operate.describeTopic(await this.#entrance.topic(caller, 'inspect', topic), topic)
  }

  async topics(caller: Caller): Promise<readonly TopicDescription[]> {
    return operate.listTopics(this.#entrance, caller)
  }

  async removeTopic(caller: Caller, topic: string): Promise<void> {
    await this.#audit.act('removeTopic', caller, topic, async () =>
      (await this.#entrance.topic(caller, 'remove', topic)).removeTopic(topic),
    )
  }

  // -------------------------------------------------------------------------------------------------------- contracts

  readonly registerContract: Broker['registerContract'] = (caller, request) => this.#contracts.register(caller, request)
  readonly planContract: Broker['planContract'] = (caller, request) => this.#contracts.plan(caller, request)
  readonly contract: Broker['contract'] = (caller, service) => this.#contracts.describe(caller, service)
  readonly contracts: Broker['contracts'] = (caller) => this.#contracts.list(caller)
  readonly reportNeeds: Broker['reportNeeds'] = (caller, request) => this.#contracts.reportNeeds(caller, request)

  // ------------------------------------------------------------------------------------------------- publish and read

  async publish(caller: Caller, { topic, events }: PublishRequest): Promise<readonly PublishAnswer[]> {
    const opened = this.#entrance.namespace(caller).publisher(topic)
    const publisher = opened instanceof Promise ? await opened : opened
    this.#entrance.allow(caller, 'publish', { topic: resourceOf(publisher.topic) })
    return publisher.publish(events, caller)
  }

  async producer(
    caller: Caller,
    { topic, producer }: { topic: string; producer: string },
  ): ReturnType<Broker['producer']> {
    await this.#entrance.topic(caller, 'publish', topic)
    return this.#options.engine.log.producer({ namespace: caller.namespace, topic }, producer)
  }

  async read(caller: Caller, request: ReadRequest): Promise<ReadPage> {
    const limit = wholeNumber(request.limit, limits.limit)
    const namespace = await this.#entrance.topic(caller, 'read', request.topic)
    return readEvents(this.#options.engine, namespace, { namespace: caller.namespace, ...request, limit })
  }

  async latest(caller: Caller, request: LatestRequest): Promise<LatestPage> {
    const limit = wholeNumber(request.limit, limits.limit)
    const namespace = await this.#entrance.topic(caller, 'read', request.topic)
    return readLatest(this.#options.engine, namespace, { namespace: caller.namespace, ...request, limit })
  }

  async history(caller: Caller, request: HistoryRequest): Promise<HistoryAnswer> {
    const namespace = await this.#entrance.topic(caller, 'read', request.topic)
    return keyHistory(this.#options.engine, namespace, { namespace: caller.namespace, ...request })
  }

  async erase(caller: Caller, request: EraseRequest): Promise<EraseAnswer> {
    return this.#audit.act('erase', caller, request, async () => {
      const namespace = await this.#entrance.topic(caller, 'operate', request.topic)
      const { engine, environment = systemEnvironment } = this.#options
      return eraseKey({ engine, environment, namespace, name: caller.namespace }, request)
    })
  }

  async follow(caller: Caller, request: FollowRequest): Promise<Follower> {
    const namespace = await this.#entrance.topic(caller, 'read', request.topic)
    return this.#follows.open(caller.namespace, namespace, request)
  }

  // -------------------------------------------------------------------------------------------------------- schedules

  readonly putSchedule: Broker['putSchedule'] = async (caller, request) =>
    this.#entrance.namespace(caller).schedules.put(this.#entrance, caller, request)
  readonly schedules: Broker['schedules'] = async (caller) =>
    this.#entrance.namespace(caller).schedules.list(this.#entrance, caller)
  readonly removeSchedule: Broker['removeSchedule'] = async (caller, schedule) =>
    this.#entrance.namespace(caller).schedules.remove(this.#entrance, caller, schedule)

  // ---------------------------------------------------------------------------------------------------- subscriptions

  async putSubscription(caller: Caller, request: SubscriptionDefinition): Promise<SubscriptionDescription> {
    const namespace = this.#entrance.namespace(caller)
    const topic = resourceOf(await namespace.topic(request.topic))
    this.#entrance.allow(caller, 'consume', { subscription: request.subscription, topic })
    await namespace.putSubscription(request)
    return operate.describeSubscription(namespace, request.subscription)
  }

  async subscription(caller: Caller, subscription: string): Promise<SubscriptionDescription> {
    const namespace = await this.#entrance.subscription(caller, 'inspect', subscription)
    return operate.describeSubscription(namespace, subscription)
  }

  async subscriptions(caller: Caller): Promise<readonly SubscriptionDescription[]> {
    return operate.listSubscriptions(this.#entrance, caller)
  }

  async removeSubscription(caller: Caller, subscription: string): Promise<void> {
    await this.#audit.act('removeSubscription', caller, subscription, async () =>
      (await this.#entrance.subscription(caller, 'remove', subscription)).removeSubscription(subscription),
    )
  }

  async pull(caller: Caller, request: PullRequest): Promise<PullAnswer> {
    const max = wholeNumber(request.max, limits.max)
    const waitMs = wholeNumber(request.waitMs, limits.waitMs)
    const leaseMs = wholeNumber(request.leaseMs, limits.leaseMs)
    return (await this.#entrance.runner(caller, 'consume', request.subscription)).pull({ max, waitMs, leaseMs })
  }

  async settle(caller: Caller, request: SettleRequest): Promise<readonly SettleAnswer[]> {
    const { subscription, outcomes, watermark } = request
    const leases = outcomes.map(({ lease }) => lease)
    refuseTwice(leases, 'lease')
    for (const outcome of outcomes) operate.checkOutcome(outcome)
    return (await this.#entrance.runner(caller, 'consume', subscription)).settle(outcomes, watermark)
  }

  async renew(caller: Caller, request: RenewRequest): Promise<readonly SettleAnswer[]> {
    const leaseMs = wholeNumber(request.leaseMs, limits.leaseMs)
    refuseTwice(request.leases, 'lease')
    return (await this.#entrance.runner(caller, 'consume', request.subscription)).renew(request.leases, leaseMs)
  }

  async stream(caller: Caller, request: StreamRequest): Promise<DeliveryStream> {
    checkHolder(request.holder)
    return (await this.#entrance.runner(caller, 'consume', request.subscription)).stream(request)
  }

  async wake(caller: Caller, request: { subscription: string; positions: readonly Position[] }): Promise<number> {
    const runner = await this.#entrance.runner(caller, 'consume', request.subscription)
    const offsets = await this.#entrance.offsets(caller, request.subscription, request.positions)
    const woken = await runner.change((shard) => offsets.filter((offset) => shard.machine.wake(offset)).length)
    return woken.reduce((total, count) => total + count, 0)
  }

  // -------------------------------------------------------------------------------------------------------- operators

  readonly seek: Broker['seek'] = (caller, request) =>
    this.#audit.act('seek', caller, request, () => this.#operators.seek(caller, request))
  readonly previewSeek: Broker['previewSeek'] = (caller, request) => this.#operators.previewSeek(caller, request)
  readonly pause: Broker['pause'] = (caller, request) =>
    this.#audit.act('pause', caller, request, () => this.#operators.pause(caller, request))
  readonly resume: Broker['resume'] = (caller, request) =>
    this.#audit.act('resume', caller, request, () => this.#operators.resume(caller, request))
  readonly deadLetters: Broker['deadLetters'] = (caller, request) => this.#operators.deadLetters(caller, request)
  readonly redrive: Broker['redrive'] = (caller, request) =>
    this.#audit.act('redrive', caller, request, () => this.#operators.redrive(caller, request))
  readonly startRedrive: Broker['startRedrive'] = (caller, request) =>
    this.#audit.act('startRedrive', caller, request, () => this.#operators.startRedrive(caller, request))
  readonly previewRedrive: Broker['previewRedrive'] = (caller, request) =>
    this.#operators.previewRedrive(caller, request)
  readonly redrives: Broker['redrives'] = (caller, request) => this.#operators.redrives(caller, request)
  readonly stopRedrive: Broker['stopRedrive'] = (caller, request) =>
    this.#audit.act('stopRedrive', caller, request, () => this.#operators.stopRedrive(caller, request))
  readonly replace: Broker['replace'] = (caller, request) =>
    this.#audit.act('replace', caller, request, () => this.#operators.replace(caller, request))
  readonly discard: Broker['discard'] = (caller, request) =>
    this.#audit.act('discard', caller, request, () => this.#operators.discard(caller, request))
  readonly scheduled: Broker['scheduled'] = (caller, request) => this.#operators.scheduled(caller, request)
  readonly cancel: Broker['cancel'] = (caller, request) =>
    this.#audit.act('cancel', caller, request, () => this.#operators.cancel(caller, request))
  readonly noteRepair: Broker['noteRepair'] = (caller, request) =>
    this.#audit.act('repair', caller, request, () => this.#operators.noteRepair(caller, request))
  readonly stats: Broker['stats'] = (caller, request) => this.#operators.stats(caller, request)
  readonly explain: Broker['explain'] = (caller, request) => this.#operators.explain(caller, request)
}
