import type { Event, Position, SubscriptionFilter } from '../event/index.ts'
import type { EarlierLife, ProducerStamp, ProducerState, TopicKind } from '../engine/index.ts'
import type { ErrorCode } from '../errors.ts'

export type { EarlierLife, ProducerStamp, ProducerState, SubscriptionFilter }

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

  /** Creates a topic or updates its schemas; `topic-conflict` when kind, shards or owner differ from what exists. */
  putTopic(caller: Caller, request: TopicDefinition): Promise<TopicDescription>
  /** `topic-unknown` where there is none. */
  topic(caller: Caller, topic: string): Promise<TopicDescription>
  topics(caller: Caller): Promise<readonly TopicDescription[]>
  /** Removes a topic with its events, its subscriptions and the schedules that publish to it. */
  removeTopic(caller: Caller, topic: string): Promise<void>

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
  discard(caller: Caller, request: DiscardRequest): Promise<readonly DiscardAnswer[]>
  /** Events that wait for their time, in the order in which they are due. */
  scheduled(caller: Caller, request: ScheduledRequest): Promise<ScheduledPage>
  /** Takes back events that are not due yet, for this subscription. Answers as `redrive` does. */
  cancel(caller: Caller, request: CancelRequest): Promise<readonly CancelAnswer[]>
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

// ------------------------------------------------------------------------------------------------------- topics

export interface TopicDefinition {
  readonly topic: string
  readonly kind: TopicKind
  /** The service that publishes here (for a task topic: that consumes). */
  readonly owner: string
  /** JSON Schemas by event type; publishers are held to them. Types that are not named are refused once any is. */
  readonly schemas?: Readonly<Record<string, JsonSchema>>
  /** Fixed at creation; the engine's default where absent. */
  readonly shards?: number
  /** What may be removed; absent leaves it as it is, `none`, as at the beginning, keeps everything. */
  readonly retention?: RetentionPolicy | 'none'
  /** An event topic for the answers to the owner's tasks: the broker appends them, and only the owner reads them. Fixed at creation. */
  readonly replies?: boolean
}

export type JsonSchema = Readonly<Record<string, unknown>> | boolean

/**
 * Bounds of a topic's log. They never remove what a subscription still needs; an entity topic keeps the newest event of
 * each key.
 */
export interface RetentionPolicy {
  /** Events may go when they are older, in milliseconds. */
  readonly maxAgeMs?: number
  /** Events may go when there are so many newer ones. */
  readonly maxEvents?: number
  /** Tombstones among what may go leave an entity topic when they are older; 30 days where absent. */
  readonly tombstonesMs?: number
}

/** Which subscription keeps a topic's log longer than its bounds. */
export interface RetentionHold {
  readonly subscription: string
  /** How many events would go without it, at most. */
  readonly events: number
  /** Age of the oldest of them. */
  readonly oldestMs: number
}

/** Something that an operator should know of. */
export interface BrokerNotice {
  readonly level: 'warning'
  readonly message: string
  readonly error?: unknown
  readonly details: Readonly<Record<string, unknown>>
}

export interface TopicDescription extends Omit<TopicDefinition, 'retention'> {
  readonly retention?: RetentionPolicy
  readonly held?: RetentionHold
  readonly shards: number
  /** The position of the newest event; number 0 before the first. */
  readonly head: Position
  readonly deduplication: { readonly ids: number; readonly maxIds: number; readonly maxAgeMs: number }
  /** Lives of the topic that ended in a backup from which the store was restored; absent where there is none. */
  readonly continues?: readonly EarlierLife[]
}

export interface PublishRequest {
  readonly topic: string
  readonly events: readonly PublishedEvent[]
}

export interface PublishedEvent {
  readonly event: Event
  readonly producer?: ProducerStamp
}

export type PublishAnswer =
  | { readonly status: 'stored'; readonly position: Position; readonly stale?: true }
  | { readonly status: 'duplicate'; readonly position?: Position }
  /** From a client with a spool only: the broker was out of reach; it is on the client's disk and will be sent. */
  | { readonly status: 'spooled' }
  | { readonly status: 'refused'; readonly code: ErrorCode; readonly message: string }

export interface ReadRequest {
  readonly topic: string
  /** A position, or `beginning` (the default). */
  readonly after?: Position | 'beginning'
  /** 1 to 1,000. */
  readonly limit?: number
}

export interface PositionedEvent {
  readonly position: Position
  /** The broker's clock at the append: milliseconds since 1970. */
  readonly appendedAt: number
  /** Entity events always carry `sequence`. */
  readonly event: Event
}

export interface ReadPage {
  readonly events: readonly PositionedEvent[]
  /** Read on from here. */
  readonly until: Position
  readonly head: Position
}

export interface EraseRequest {
  readonly topic: string
  readonly key: string
}

export interface EraseAnswer {
  /** How many events lost their payload by this call. */
  readonly erased: number
}

export interface LatestRequest {
  readonly topic: string
  readonly cursor?: string
  readonly limit?: number
}

export interface FollowRequest {
  readonly topic: string
  /** Goes on after this position; `end` (the default) is now, `beginning` the oldest event that is there. */
  readonly after?: Position | 'beginning' | 'end'
  readonly filter?: SubscriptionFilter
  /**
   * Called with events in order; `until` is the position to go on after. Nothing more is read before what it returns is
   * resolved: whoever is slow is waited for, and told by a reset when retention overtakes it.
   */
  readonly onEvents: (events: readonly PositionedEvent[], until: Position) => Promise<void> | void
  /** Nothing up to here matched: a position to go on after. */
  readonly onProgress?: (until: Position) => void
  /** Events are missing for good: load the full state again. What comes from here on comes after `position`. */
  readonly onReset: (reset: FollowReset) => Promise<void> | void
  /** A remote broker is out of reach or is in touch again: what is known may be old meanwhile. */
  readonly onStale?: (reason: Error) => void
  readonly onLive?: () => void
  /** Called once when it has ended on its own: the topic is gone, the broker was stopped, it is forbidden. */
  readonly onClosed: (reason: Error) => void
}

export interface FollowReset {
  readonly position: Position
  /** What is missing, in words. */
  readonly message: string
}

export interface Follower {
  /** Where it began: it gets what comes after this. */
  readonly position: Position
  close(): void
}

/** Complete once the deltas after the first page's `from` up to the last page's `until` are applied as well. */
export interface LatestPage {
  readonly events: readonly PositionedEvent[]
  readonly from: Position
  readonly until: Position
  readonly next?: string
}

// ---------------------------------------------------------------------------------------------------- schedules

export interface ScheduleDefinition {
  /** `<service>.<name>` */
  readonly schedule: string
  /** An event or task topic that the caller may publish to. */
  readonly topic: string
  /** A cron expression: five fields, or six with seconds first. */
  readonly expression: string
  /** A name of the IANA time zone database; `UTC` where absent. */
  readonly timeZone?: string
  /** What of the due times that passed while no server ran is published: `newest` (the default), or the newest 100. */
  readonly catchUp?: 'newest' | 'all'
  readonly event: ScheduledTemplate
}

/** The event without what each due time gives it: `id` and `time` (the due time, RFC 3339) and `source` (the schedule). */
export type ScheduledTemplate = Pick<
  Event,
  'type' | 'key' | 'subject' | 'datacontenttype' | 'dataschema' | 'extensions' | 'data'
>

export interface ScheduleDescription extends ScheduleDefinition {
  readonly timeZone: string
  readonly catchUp: 'newest' | 'all'
  /** When it is due next, in milliseconds since 1970; absent when it never is again. */
  readonly next?: number
  /** The newest due time that was published. */
  readonly last?: number
  /** The newest due time that its topic refused, as long as no later one was taken. */
  readonly refused?: { readonly at: number; readonly message: string }
}

// ------------------------------------------------------------------------------------------------ subscriptions

export interface SubscriptionDefinition {
  /** `<service>.<name>` */
  readonly subscription: string
  readonly topic: string
  /** Where a new subscription begins: a position to go on after, `beginning`, or `end`. */
  readonly from: Position | 'beginning' | 'end'
  readonly filter?: SubscriptionFilter
  readonly policy?: SubscriptionPolicy
}

export interface SubscriptionPolicy {
  /** What happens to a key whose head is a dead letter; `park` by default. */
  readonly onDeadLetter?: 'park' | 'supersede' | 'continue'
  readonly retry?: Partial<RetryPolicy>
  /** Events are handed out so many milliseconds after they were appended; 0 by default. */
  readonly delayMs?: number
  /** How many deliveries may be leased at once, over all consumers; without a limit where absent. */
  readonly maxInFlight?: number
  /**
   * How many deliveries are handed out, retries included: `perSecond` on average (0.0001 to 1,000,000), up to `burst` at
   * once (`perSecond`, rounded up, where absent). Without a limit where absent.
   */
  readonly rate?: { readonly perSecond: number; readonly burst?: number }
  readonly outage?: Partial<OutagePolicy>
  /**
   * For keys whose newest event makes older ones needless; `onDeadLetter` is `supersede` then. Not for tasks and
   * answers, and not with `delayMs`.
   */
  readonly coalesce?: CoalescePolicy
}

/**
 * The first event of a key is handed out at once, then at most one per key and interval, always ending with the newest;
 * those in between are superseded. A newer event replaces one that fails, too. Events without a key go their own way.
 */
export interface CoalescePolicy {
  /** From the hand-out of one event of a key to that of the next, in milliseconds: 0 to 86,400,000. */
  readonly intervalMs: number
  /**
   * Events that do not wait for the interval, beside those with the attribute `urgent` set to true: they replace what
   * waits and go as soon as nothing of their key is with a consumer. What replaces them does the same.
   */
  readonly urgent?: SubscriptionFilter
}

/**
 * When at least `keys` different keys failed with one class of outage error within `windowMs`, and nothing succeeded
 * meanwhile, attempts stop counting and single deliveries are tried, `probeMs` apart, until the first success.
 */
export interface OutagePolicy {
  /** 2 to 1,000; 5 by default. */
  readonly keys: number
  /** 1,000 to 86,400,000; 300,000 by default. */
  readonly windowMs: number
  /** 10 to 3,600,000; 1,000 by default. */
  readonly probeMs: number
}

export interface RetryPolicy {
  /** Delays of the first retries, in milliseconds. */
  readonly quickDelaysMs: readonly number[]
  /** After those: full jitter, doubling from `minDelayMs` to `maxDelayMs`. */
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** Attempts in all, quick ones included, before an event is a dead letter. */
  readonly maxAttempts: number
}

export interface SubscriptionDescription {
  readonly subscription: string
  readonly topic: string
  readonly filter: SubscriptionFilter
  readonly policy: {
    readonly onDeadLetter: 'park' | 'supersede' | 'continue'
    readonly retry: RetryPolicy
    readonly delayMs: number
    readonly coalesce?: CoalescePolicy
    readonly maxInFlight?: number
    readonly rate?: { readonly perSecond: number; readonly burst: number }
    readonly outage: OutagePolicy
  }
  readonly generation: number
  /** Everything up to here is settled or did not match. */
  readonly floor: Position
  /** What an operator can do with it. */
  readonly actions: readonly SubscriptionAction[]
  /** The highest watermark that came with a settle; 0 before the first. */
  readonly watermark: number
  /** An operator's word: nothing is handed out until `resume`. */
  readonly paused?: Pause
}

export interface Pause {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Who asked for it. */
  readonly by: string
}

export interface Delivery {
  /** Opaque; needed to settle or renew. */
  readonly lease: string
  readonly position: Position
  readonly appendedAt: number
  readonly generation: number
  /** An earlier generation acknowledged this event already, and the seek's `effects` say what to do about it. */
  readonly replay?: ReplayEffects
  /** 1 for the first. */
  readonly attempt: number
  readonly event: Event
}

/** `skip`: acknowledge without an effect; `run`: apply again; `missing`: apply unless any generation did. */
export type ReplayEffects = 'skip' | 'run' | 'missing'

export interface PullRequest {
  readonly subscription: string
  /** 1 to 1,000. */
  readonly max?: number
  /** 0 to 60,000. */
  readonly waitMs?: number
  /** 1,000 to 43,200,000; 30,000 by default. */
  readonly leaseMs?: number
}

export interface PullAnswer {
  readonly generation: number
  readonly floor: Position
  readonly deliveries: readonly Delivery[]
}

export interface SettleRequest {
  readonly subscription: string
  readonly outcomes: readonly Outcome[]
  /** A counter that the consumer's own database keeps; the broker keeps the highest, to notice a restored database. */
  readonly watermark?: number
}

/** What became of one delivery. */
export type Outcome = { readonly lease: string } & OutcomeAction

export type OutcomeAction =
  /** `result`: of a task, for whoever asked; its answer is in the requester's topic once the settle is durable. */
  | { readonly action: 'ack'; readonly result?: TaskResult }
  /**
   * Of a task: it will not be done, and its requester is told why. It is finished; one that asks for no answer becomes a
   * dead letter, so that the reason is seen.
   */
  | { readonly action: 'refuse'; readonly reason: string }
  /**
   * Tried again by the subscription's policy, not before `afterMs` where that is given. Counts an attempt, unless there
   * is an outage: `outage` names the class of what was out of reach (`ECONNREFUSED`, `http-503`, …; up to 100 characters).
   */
  | { readonly action: 'retry'; readonly reason: string; readonly afterMs?: number; readonly outage?: string }
  | { readonly action: 'dead-letter'; readonly reason: string }
  /** Data that it needs is not there yet: handed out again after `afterMs` or a `wake`. Counts no attempt. */
  | { readonly action: 'wait'; readonly reason: string; readonly afterMs?: number }
  /** Handed back untouched: counts no attempt. */
  | { readonly action: 'release' }

export interface TaskResult {
  readonly datacontenttype?: string
  readonly data?: Uint8Array
}

/** `lease-lost`: somebody else has it or had it since, nothing changed. `lease-out-of-order`: an earlier one of its run is open. */
export type SettleAnswer =
  | { readonly lease: string; readonly status: 'settled' }
  | {
      readonly lease: string
      readonly status: 'refused'
      readonly code: 'lease-lost' | 'lease-out-of-order'
      readonly message: string
    }

export interface RenewRequest {
  readonly subscription: string
  readonly leases: readonly string[]
  readonly leaseMs: number
}

export interface StreamRequest {
  readonly subscription: string
  /** Names the consumer across reconnects: 1 to 100 letters, digits, `-`, `_`. */
  readonly holder: string
  /** Leases that this holder still has from a stream before this one. */
  readonly leases?: readonly string[]
  /** Called with deliveries, never more than the credit granted. */
  readonly onDeliveries: (deliveries: readonly Delivery[]) => void
  /** Called when the floor or the generation has moved. */
  readonly onProgress?: (progress: StreamProgress) => void
  /** Called once when the stream has ended on its own; open another one, with the leases in hand. */
  readonly onClosed: (reason: Error) => void
}

export interface StreamProgress {
  readonly generation: number
  readonly floor: Position
}

export interface DeliveryStream {
  /** Leases of the request that are still held; the others are lost. */
  readonly kept: readonly string[]
  /** Allows so many more deliveries. */
  grant(credit: number): void
  /** Returns what is still leased, unattempted, and ends the stream. */
  close(): Promise<void>
  /** Ends the stream because its consumer is out of reach: its leases return after a grace unless it presents them again. */
  abandon(): void
}

// ---------------------------------------------------------------------------------------------------- operators

export interface SeekRequest {
  readonly subscription: string
  /** A position to go on after; or `time`, in milliseconds since 1970: on with the first event appended at or after it. */
  readonly to: Position | 'beginning' | 'end' | { readonly time: number }
  /** `skip` by default. */
  readonly effects?: ReplayEffects
}

/** As of now, and before the filter: what it leaves out counts as well. */
export interface SeekPreview {
  readonly subscription: string
  /** The subscription would go on after this position. */
  readonly after: Position
  /** How many events the topic has after it. */
  readonly events: number
  /** How many of those it has behind it, finished or left out by a seek, so that they come again. */
  readonly again: number
  /** Dead letters that go, because their events come again. */
  readonly deadLetters: number
  /** Unfinished events before it, which would never be delivered. */
  readonly leftOut: number
}

export interface DeadLettersRequest {
  readonly subscription: string
  readonly after?: Position
  /** 1 to 1,000. */
  readonly limit?: number
}

export interface DeadLetter {
  readonly position: Position
  readonly reason: string
  readonly attempts: number
  /** Milliseconds since 1970. */
  readonly at: number
  /** How many later events of its key wait behind it. */
  readonly parked: number
  /** Where an operator rewrote it; `event` is as it was rewritten. */
  readonly replaced?: Replacement
  readonly event: Event
}

export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetter[]
  readonly next?: Position
}

export interface RedriveRequest {
  readonly subscription: string
  readonly positions: readonly Position[] | 'all'
  /** Which edit of the dead letters is meant: those with another one are refused. 0, the default, is the event as published. */
  readonly edit?: number
}

/** That an operator put another payload in the place of an event's, for one subscription. */
export interface Replacement {
  /** 1 for the first of a dead letter. */
  readonly edit: number
  /** The principal who did it. */
  readonly by: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface ReplaceRequest {
  readonly subscription: string
  readonly position: Position
  readonly data: Uint8Array
  /** That of the event where absent. */
  readonly datacontenttype?: string
  /** Which edit of the dead letter this one is based on; 0, the default, is the event as published. */
  readonly edit?: number
}

export interface ReplaceAnswer {
  readonly position: Position
  readonly replaced: Replacement
}

export type RedriveAnswer =
  | { readonly position: Position; readonly status: 'redriven' }
  | {
      readonly position: Position
      readonly status: 'refused'
      /** `dead-letter-edited`: somebody rewrote it, and the request does not say that it means that edit. */
      readonly code: 'dead-letter-unknown' | 'dead-letter-edited'
      readonly message: string
    }

/** Which dead letters; all of what is named must hold. */
export interface DeadLetterFilter {
  readonly type?: string
  readonly key?: string
  /** Part of the reason. */
  readonly reason?: string
  /** Given up at this time or later, in milliseconds since 1970. */
  readonly after?: number
  /** Given up before this time. */
  readonly before?: number
}

export interface StartRedriveRequest {
  readonly subscription: string
  readonly filter?: DeadLetterFilter
  /** At most so many a second; a second's worth may go at once. */
  readonly perSecond?: number
  /** 1, then 2, 5, 20, 100 …: each batch waits until the one before is settled, and the first failure stops it all. */
  readonly canary?: boolean
}

export interface Redrive {
  readonly redrive: string
  /** The principal who began it. */
  readonly by: string
  /** Milliseconds since 1970, as `endedAt`. */
  readonly startedAt: number
  readonly endedAt?: number
  readonly filter: DeadLetterFilter
  readonly perSecond?: number
  readonly canary: boolean
  readonly status: 'running' | 'done' | 'stopped'
  /** Why it was stopped. */
  readonly reason?: string
  /** How many dead letters it has handed back. */
  readonly redriven: number
  /** How many it left alone because an operator had rewritten them. */
  readonly edited: number
}

export interface RedrivePreview {
  readonly subscription: string
  /** How many dead letters would be handed back. */
  readonly deadLetters: number
  /** How many fit, and would be left alone because an operator has rewritten them. */
  readonly edited: number
  /** The first of them, at most a hundred. */
  readonly positions: readonly Position[]
}

export interface DiscardRequest {
  readonly subscription: string
  readonly positions: readonly Position[]
}

export type DiscardAnswer =
  | { readonly position: Position; readonly status: 'discarded' }
  | {
      readonly position: Position
      readonly status: 'refused'
      readonly code: 'dead-letter-unknown'
      readonly message: string
    }

export interface ScheduledRequest {
  readonly subscription: string
  /** The `next` of the page before. */
  readonly cursor?: string
  /** 1 to 1,000. */
  readonly limit?: number
}

export interface ScheduledEvent {
  readonly position: Position
  /** When it is due: milliseconds since 1970. */
  readonly at: number
  readonly event: Event
}

export interface ScheduledPage {
  readonly scheduled: readonly ScheduledEvent[]
  readonly next?: string
}

export interface CancelRequest {
  readonly subscription: string
  readonly positions: readonly Position[]
}

export type CancelAnswer =
  | { readonly position: Position; readonly status: 'cancelled' }
  | {
      readonly position: Position
      readonly status: 'refused'
      readonly code: 'scheduled-unknown'
      readonly message: string
    }

/**
 * Counts of one subscription since its generation began. They obey the law of conservation:
 * acknowledged + filtered + superseded + skipped + discarded + dead + pending = the events from its start to `head`
 * + carried.
 */
export interface SubscriptionStats {
  readonly subscription: string
  readonly topic: string
  readonly generation: number
  readonly floor: Position
  readonly head: Position
  readonly acknowledged: number
  readonly filtered: number
  readonly superseded: number
  /** Stale, damaged, erased or trimmed before they could be delivered. */
  readonly skipped: number
  /** Dead letters and scheduled events that an operator gave up. */
  readonly discarded: number
  readonly dead: number
  /** Dead, parked and scheduled events from before the start, which the seek left where they were. */
  readonly carried: number
  /** Not settled: `ready` + `leased` + `retrying` + `waiting` + `parked` + `scheduled` + those not looked at yet. */
  readonly pending: number
  readonly ready: number
  readonly leased: number
  readonly retrying: number
  readonly waiting: number
  readonly parked: number
  readonly scheduled: number
  /** Age of the oldest event that is at hand or not looked at yet, and not settled; 0 when there is none. */
  readonly oldestPendingMs: number
  readonly consumers: number
  readonly paused?: Pause
  /** What consumers cannot reach: attempts do not count, and single deliveries are tried. */
  readonly outage?: { readonly class: string; readonly since: number; readonly failures: number }
}

export type EventReference = { readonly position: Position } | { readonly source: string; readonly id: string }

/** What an operator can do with one event at a subscription. */
export type EventAction = 'redrive' | 'replace' | 'discard' | 'cancel' | 'wake' | 'seek'
/** What an operator can do with a subscription. */
export type SubscriptionAction = 'seek' | 'redrive' | 'pause' | 'resume' | 'remove'
export type SubscriptionState = 'running' | 'paused'

/** Each state with what an operator needs to know about it, and what its state allows to do. */
export type Explanation = {
  readonly position: Position
  readonly actions: readonly EventAction[]
  /** Where an operator rewrote it for this subscription, and it is not settled yet. */
  readonly replaced?: Replacement
} &
  /** `settled`: acknowledged or superseded. `unread`: further on than the subscription has looked. */
  (
    | { readonly state: 'before-start' | 'filtered' | 'skipped' | 'settled' | 'unread' }
    /** `heldBack`: why it is not handed out, although it could be. */
    | { readonly state: 'ready'; readonly heldBack?: 'paused' | 'outage' | 'max-in-flight' | 'rate' }
    | { readonly state: 'behind'; readonly key: string; readonly head: Position }
    | { readonly state: 'parked'; readonly key: string; readonly deadLetter?: Position }
    | { readonly state: 'scheduled'; readonly at: number }
    | { readonly state: 'leased'; readonly holder: string; readonly attempt: number; readonly until?: number }
    | {
        readonly state: 'retrying' | 'waiting'
        readonly at: number
        readonly attempts: number
        readonly reason: string
      }
    | { readonly state: 'dead'; readonly reason: string; readonly attempts: number; readonly at: number }
  )
