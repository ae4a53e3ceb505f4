import type { ProducerStamp, ProducerState } from '../../engine/index.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Event, Position, SubscriptionFilter } from '../../event/index.ts'

export type { ProducerStamp, ProducerState }

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

export interface HistoryRequest {
  readonly topic: string
  /** 1 to 100, each once. */
  readonly keys: readonly string[]
  /** How many events of the topic to look through, from the newest on: 0 to 100,000; 10,000 where absent. */
  readonly scan?: number
  /** Go on with what is older than this, the `next` of the answer before. */
  readonly before?: Position
}

export interface HistoricEvent extends PositionedEvent {
  /** Older than the newest of its key when it came: kept, never delivered. */
  readonly stale?: true
  /** Its payload was removed for good. */
  readonly erased?: true
}

export interface HistoryAnswer {
  /** Newest first. */
  readonly events: readonly HistoricEvent[]
  /** What is older was not looked at; absent where the topic has nothing that is older. */
  readonly next?: Position
  /** Retention has removed events up to here; absent where it has removed none. */
  readonly trimmed?: Position
}

/** What an operator has had published again by the owner of an entity, because a copy was different. */
export interface RepairNote {
  readonly topic: string
  /** 1 to 100. */
  readonly repairs: readonly { readonly key: string; readonly cause: string; readonly action: string }[]
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
