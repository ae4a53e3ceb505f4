import type { Position } from '../../event/index.ts'
import type { ContractDescription, ContractPlan, RegisterContractRequest, ReportNeedsRequest } from './contracts.ts'
import type {
  DeadLetterPage,
  DeadLettersRequest,
  DiscardAnswer,
  Redrive,
  RedriveAnswer,
  RedrivePreview,
  RedriveRequest,
  ReplaceAnswer,
  ReplaceRequest,
  StartRedriveRequest,
} from './dead-letters.ts'
import type {
  DeliveryStream,
  PullAnswer,
  PullRequest,
  RenewRequest,
  SettleAnswer,
  SettleRequest,
  StreamRequest,
} from './deliveries.ts'
import type {
  ProducerState,
  EraseAnswer,
  EraseRequest,
  FollowRequest,
  Follower,
  LatestPage,
  LatestRequest,
  PublishAnswer,
  PublishRequest,
  ReadPage,
  ReadRequest,
} from './events.ts'
import type { ScheduleDefinition, ScheduleDescription } from './schedules.ts'
import type {
  CancelAnswer,
  EventReference,
  Explanation,
  ScheduledPage,
  ScheduledRequest,
  SeekPreview,
  SeekRequest,
  SubscriptionStats,
} from './standing.ts'
import type { PositionsRequest } from './positions.ts'
import type { SubscriptionDefinition, SubscriptionDescription } from './subscriptions.ts'
import type { TopicDefinition, TopicDescription } from './topics.ts'

/**
 * The interface under everything that is not the broker itself. A local broker over an engine and a remote one over
 * HTTP are the same to their callers.
 *
 * Every call names its caller: the namespace that it works in and the principal on whose behalf it acts. A call may
 * reject with `forbidden`, `namespace-unknown`, `stopped` and, remotely, `unavailable`; the other codes stand beside
 * each method.
 */
export interface Broker {
  start(): Promise<void>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>

  /**
   * Says which database stands behind a service name. Another database under a known name is refused as
   * `service-conflict` until `replace` says that it takes the first one's place.
   */
  registerService(caller: Caller, request: ServiceRegistration): Promise<void>

  /**
   * Creates a topic or updates its schemas; `topic-conflict` when kind, shards or owner differ from what exists, or when
   * the schemas are those of a registered contract and these are not among them.
   */
  putTopic(caller: Caller, request: TopicDefinition): Promise<TopicDescription>
  /** `topic-unknown` where there is none. */
  topic(caller: Caller, topic: string): Promise<TopicDescription>
  topics(caller: Caller): Promise<readonly TopicDescription[]>
  /** Removes a topic with its events, its subscriptions and the schedules that publish to it. */
  removeTopic(caller: Caller, topic: string): Promise<void>

  /**
   * Registers the contract of a service, creates its topics and holds publishers to its schemas; the same again changes
   * nothing. A schema that was not registered before is a new revision of its version, and is kept for good. It is
   * refused as `contract-incompatible` or `contract-undecided` with the plan in the `details`, and then nothing of the
   * contract is registered; `topic-conflict` as for `putTopic`. What the contract names no more stays.
   */
  registerContract(caller: Caller, request: RegisterContractRequest): Promise<ContractPlan>
  /** What `registerContract` would do; does nothing, and does not reject for what would be refused. */
  planContract(caller: Caller, request: RegisterContractRequest): Promise<ContractPlan>
  /** Of the topics that the caller may see. `contract-unknown` where neither a contract nor a topic of the service exists. */
  contract(caller: Caller, service: string): Promise<ContractDescription>
  /** Every service with a topic that the caller may see, without the schemas: who owns what, and who uses it. */
  contracts(caller: Caller): Promise<readonly ContractDescription[]>
  /**
   * Says what consumers of a service read, for those who want to change it. What was seen is added to what is known of a
   * consumer, what is declared replaces it; it goes with its subscription or its topic. `topic-unknown` where one does not
   * exist, and then what is read of the others is kept.
   */
  reportNeeds(caller: Caller, request: ReportNeedsRequest): Promise<void>

  /**
   * Publishes events in order; answers per event and is durable when it resolves. When it rejects, nothing is known of
   * any of them: publish the same events again, the identity (`source`, `id`) makes that safe. An event that is itself
   * at fault is answered as refused with its reason and does not disturb others of other keys.
   */
  publish(caller: Caller, request: PublishRequest): Promise<readonly PublishAnswer[]>
  /** The highest epoch and counter seen of a producer. */
  producer(caller: Caller, request: { topic: string; producer: string }): Promise<ProducerState | undefined>
  /** Events after a position, oldest first; `position-unknown` for one of another life of the topic or trimmed away. */
  read(caller: Caller, request: ReadRequest): Promise<ReadPage>
  /**
   * Removes all payloads of a key for good: of published events, and of those that are parked, dead or scheduled for
   * some subscription, which are skipped when their turn comes. An entity gets a tombstone, so that its copies let go of
   * it. What is published meanwhile may be erased with the rest; what is published afterwards stays.
   */
  erase(caller: Caller, request: EraseRequest): Promise<EraseAnswer>
  /** The newest event of every key of an entity topic, as a fuzzy listing: see `LatestPage`. */
  latest(caller: Caller, request: LatestRequest): Promise<LatestPage>
  /**
   * The events of a topic as they come, without a subscription: nothing is settled, and the follower keeps its position
   * itself. It gets every event after it that matches, in order, or is told by a reset that it does not: history that
   * is gone, another life of the topic. A remote broker goes on after every interruption where it stopped.
   */
  follow(caller: Caller, request: FollowRequest): Promise<Follower>

  /**
   * Creates a recurring schedule or changes it; the same one put again goes on as it was. It publishes one event for each
   * due time, with its own name as `source` and the due time as `id`.
   */
  putSchedule(caller: Caller, request: ScheduleDefinition): Promise<ScheduleDescription>
  schedules(caller: Caller): Promise<readonly ScheduleDescription[]>
  /** `schedule-unknown` where there is none; what it has published stays. */
  removeSchedule(caller: Caller, schedule: string): Promise<void>

  /** Creates a subscription or changes its filter and policy; `from` counts at creation only. */
  putSubscription(caller: Caller, request: SubscriptionDefinition): Promise<SubscriptionDescription>
  /** `subscription-unknown` where there is none. */
  subscription(caller: Caller, subscription: string): Promise<SubscriptionDescription>
  subscriptions(caller: Caller): Promise<readonly SubscriptionDescription[]>
  removeSubscription(caller: Caller, subscription: string): Promise<void>

  /** Leases up to `max` deliveries for `leaseMs`, waiting up to `waitMs` for the first. */
  pull(caller: Caller, request: PullRequest): Promise<PullAnswer>
  /** Ends deliveries, durably when it resolves; answers per outcome. A lease twice in one call is a `bad-request`. */
  settle(caller: Caller, request: SettleRequest): Promise<readonly SettleAnswer[]>
  /** Makes leases last `leaseMs` from now; renewing one renews its run. */
  renew(caller: Caller, request: RenewRequest): Promise<readonly SettleAnswer[]>
  /** A standing flow of deliveries to one holder, whose leases last as long as it does. */
  stream(caller: Caller, request: StreamRequest): Promise<DeliveryStream>
  /** Deliveries that were settled with `wait` are handed out again without waiting longer. Answers how many were. */
  wake(caller: Caller, request: { subscription: string; positions: readonly Position[] }): Promise<number>

  /** Starts a new generation from another place. */
  seek(caller: Caller, request: SeekRequest): Promise<SubscriptionDescription>
  /** What such a seek would do; does nothing. */
  previewSeek(caller: Caller, request: SeekRequest): Promise<SeekPreview>
  /** Hands nothing out until `resume`, whatever happens meanwhile; what is leased may be settled. Pausing twice is once. */
  pause(caller: Caller, subscription: string): Promise<SubscriptionDescription>
  /** Ends a pause; without one it changes nothing. */
  resume(caller: Caller, subscription: string): Promise<SubscriptionDescription>
  deadLetters(caller: Caller, request: DeadLettersRequest): Promise<DeadLetterPage>
  /**
   * Hands a dead letter back with another payload, for this subscription and until it is settled; identity, type and
   * key stay. Rejects as `dead-letter-unknown`, as `dead-letter-edited` where somebody has edited it since
   * (`ReplaceRequest.edit`), and as publishing it would: `schema-violation`, `payload-too-large`.
   */
  replace(caller: Caller, request: ReplaceRequest): Promise<ReplaceAnswer>
  /** Gives dead letters up for good; their keys go on without them. Answers as `redrive` does. */
  discard(caller: Caller, request: PositionsRequest): Promise<readonly DiscardAnswer[]>
  /** Events that wait for their time, in the order in which they are due. */
  scheduled(caller: Caller, request: ScheduledRequest): Promise<ScheduledPage>
  /** Takes back events that are not due yet, for this subscription. Answers as `redrive` does. */
  cancel(caller: Caller, request: PositionsRequest): Promise<readonly CancelAnswer[]>
  /** Hands dead letters back to their subscription; those that are not dead any more are answered `dead-letter-unknown`. */
  redrive(caller: Caller, request: RedriveRequest): Promise<readonly RedriveAnswer[]>
  /**
   * Hands dead letters back one batch after the other, on behalf of the caller and without it: those that are dead by now
   * and fit the filter, except for edited ones. It goes on after a restart, and ends when a seek moves the subscription.
   */
  startRedrive(caller: Caller, request: StartRedriveRequest): Promise<Redrive>
  /** What such a redrive would find; does nothing. */
  previewRedrive(caller: Caller, request: StartRedriveRequest): Promise<RedrivePreview>
  /** Those that are running, and the last that have ended; oldest first. */
  redrives(caller: Caller, subscription: string): Promise<readonly Redrive[]>
  /** Hands nothing more back; what was stays. `redrive-unknown` where there is none. */
  stopRedrive(caller: Caller, request: { subscription: string; redrive: string }): Promise<Redrive>
  stats(caller: Caller, subscription: string): Promise<SubscriptionStats>
  /** Where one event stands at one subscription. */
  explain(caller: Caller, request: { subscription: string; event: EventReference }): Promise<Explanation>
}

export interface Caller {
  /** `default` unless somebody says otherwise. */
  readonly namespace: string
  /** Who acts: the name of a service, or of an operator. */
  readonly principal: string
}

export interface ServiceRegistration {
  readonly service: string
  /** Names the database behind the service: made when its tables were. */
  readonly database: string
  readonly replace?: boolean
}

/** Something that an operator should know of. */
export interface BrokerNotice {
  readonly level: 'warning'
  readonly message: string
  readonly error?: unknown
  readonly details: Readonly<Record<string, unknown>>
}
