import type { EarlierLife, TopicKind } from '../../engine/index.ts'
import type { Position } from '../../event/index.ts'

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
 * Bounds of a topic's log. They never remove what a subscription still needs, unless `overtakes` says so; an entity topic
 * keeps the newest event of each key.
 */
export interface RetentionPolicy {
  /** Events may go when they are older, in milliseconds. */
  readonly maxAgeMs?: number
  /** Events may go when there are so many newer ones. */
  readonly maxEvents?: number
  /** Events may go when the newer ones have so many bytes, attributes and payloads together. */
  readonly maxBytes?: number
  /**
   * Events go although subscriptions still need them: those count them as skipped and go on behind them. For event topics
   * that take no answers.
   */
  readonly overtakes?: boolean
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

/** What a subscription has lost to a topic that overtakes it. */
export interface RetentionLoss {
  readonly subscription: string
  /** How many events that it wanted, since it lost the first. */
  readonly events: number
  /** Milliseconds since 1970. */
  readonly since: number
}

export interface TopicDescription extends Omit<TopicDefinition, 'retention'> {
  readonly retention?: RetentionPolicy
  readonly held?: RetentionHold
  /** Subscriptions that the bounds took events from: named for at least a minute after each loss, and gone soon after that. */
  readonly overtaken?: readonly RetentionLoss[]
  readonly shards: number
  /** The position of the newest event; number 0 before the first. */
  readonly head: Position
  readonly deduplication: { readonly ids: number; readonly maxIds: number; readonly maxAgeMs: number }
  /** Lives of the topic that ended in a backup from which the store was restored; absent where there is none. */
  readonly continues?: readonly EarlierLife[]
}
