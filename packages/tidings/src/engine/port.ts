import type { Event } from '../event/index.ts'
import type { HeldStore } from './transfer.ts'

/**
 * The port under the broker: a durable log for each topic and a durable ledger for each owner of delivery state.
 * Everything that makes a message platform (leases, retries, dead letters, order) is built on these two, once.
 *
 * An engine trusts its caller: names, keys and sizes were validated above. It may be called concurrently. Where several
 * processes share a store, whatever resolved before a call began is visible to that call, through whichever of them.
 *
 * Every call may reject with `unavailable` (retryable) when the store is out of reach: what became of it is unknown then,
 * and the engine goes on.
 */
export interface Engine {
  /** For messages and stats: `memory`, `embedded` … */
  readonly name: string
  readonly capabilities: EngineCapabilities
  readonly log: Log
  readonly ledger: Ledger
  /** Opens the store; rejects with `store-locked`, `store-corrupt` or `store-version` and leaves it untouched. Idempotent. */
  start(): Promise<void>
  /** Finishes what was accepted, then lets go of the store. Idempotent. */
  stop(): Promise<void>
  stats(): Promise<EngineStats>
  /**
   * One consistent cut of everything that the store holds, while others go on: what was acknowledged before the first
   * piece is in it, and nothing in part. Who ends early lets go of it. How it is restored is the engine's own affair.
   * Absent where there is nothing to back up, or the store has means of its own.
   */
  backup?(): AsyncIterable<Uint8Array>
  /**
   * Takes hold of the store of an engine that is not running, to carry everything in it to another store or from one.
   * Rejects as `start` does, but not for a store that was moved. Absent where that cannot be.
   */
  hold?(): Promise<HeldStore>
  [Symbol.asyncDispose](): Promise<void>
}

export interface EngineCapabilities {
  /** Whether what was acknowledged survives the process (and, for a disk, a power loss). */
  readonly durable: boolean
  /** Whether several processes may use one store at once. */
  readonly shared: boolean
  /** How many shards a topic gets when nobody says otherwise. */
  readonly defaultShards: number
}

export interface EngineStats {
  /** Bytes that the store occupies; 0 where that is unknown. */
  readonly bytes: number
  /** Bytes that its disk has left; absent where that is unknown. */
  readonly freeBytes?: number
  /** Why appends are refused at present, or would be: the disk is full, or the store failed. */
  readonly refusing?: string
}

// ---------------------------------------------------------------------------------------------------------- log

export type TopicKind = 'entity' | 'event' | 'task'

export interface TopicId {
  readonly namespace: string
  readonly topic: string
}

export interface LogSettings {
  readonly kind: TopicKind
  readonly shards: number
}

export interface LogDescription extends LogSettings {
  /** Names this life of this topic: lower-case letters and digits, ≤ 32. */
  readonly incarnation: string
  /** The offset of the newest event ever appended; 0 before the first. Offsets begin at 1. */
  readonly head: number
  /** Every event at or below this offset may have been trimmed; 0 before the first trim. */
  readonly trimmed: number
  readonly deduplication: DeduplicationWindow
  /** The lives before this one that ended in a backup from which the store was restored; absent where there is none. */
  readonly continues?: readonly EarlierLife[]
}

/** What a life of a topic had up to an offset stands at the same offsets in the life that continues it, and nothing later. */
export interface EarlierLife {
  readonly incarnation: string
  readonly through: number
}

export interface DeduplicationWindow {
  /** How many identities the window holds at present. */
  readonly ids: number
  readonly maxIds: number
  readonly maxAgeMs: number
}

export interface AppendRequest {
  readonly event: Event
  /** Which shard of the topic: below `LogSettings.shards`. */
  readonly shard: number
  readonly producer?: ProducerStamp
}

/** Who appends, for publishers that keep a counter in their own database. */
export interface ProducerStamp {
  readonly id: string
  /** Raised by each new owner of the producer id; an older one is refused. */
  readonly epoch: number
  /** Grows with each event of the producer; one that is not higher than the highest seen is a duplicate. */
  readonly counter: number
}

export interface ProducerState {
  readonly epoch: number
  readonly counter: number
}

export type AppendAnswer =
  /** `stale`: an entity event older than the newest of its key; kept, never delivered, not in `latest`. */
  | { readonly status: 'stored'; readonly offset: number; readonly stale: boolean }
  /** `offset` is the first place, where it is still known. */
  | { readonly status: 'duplicate'; readonly offset?: number }
  | { readonly status: 'refused'; readonly code: AppendRefusal; readonly message: string }

/** `behind-refused`: an earlier event of the same key or producer in the same call was refused. */
export type AppendRefusal = 'id-conflict' | 'producer-fenced' | 'behind-refused'

export interface LogRecord {
  readonly offset: number
  /** The engine's wall clock at the append, in milliseconds since 1970. */
  readonly appendedAt: number
  readonly shard: number
  readonly stale: boolean
  /** Its payload was erased for good; only the identity, type, key and version are left. */
  readonly erased: boolean
  readonly event: Event
}

export interface LogPage {
  /** Ascending by offset; holes are events of other shards, trimmed or damaged ones. */
  readonly records: readonly LogRecord[]
  /** Every event at or below this offset has been considered: read on from here. Equal to `after` at the end of the log. */
  readonly until: number
  /** Offsets in this page whose record is damaged: reported, set aside, never guessed. */
  readonly damaged: readonly number[]
}

export interface LatestPage {
  /** The newest event of each key of this page, tombstones included, in no particular order. */
  readonly records: readonly LogRecord[]
  /** The head of the log when the first page was taken: carried through the cursor. */
  readonly from: number
  /** The head of the log after this page was taken. */
  readonly until: number
  /** Where the next page begins; absent on the last. Opaque. */
  readonly next?: string
}

export interface TrimOptions {
  /** Ascending offsets that stay although they are at or below `through`, because somebody still needs them. */
  readonly keep?: readonly number[]
  /**
   * Milliseconds since 1970: a tombstone at or below `through` that was appended before goes although it is the newest
   * of its key. Its version is remembered: what is not newer is stale for ever.
   */
  readonly tombstonesBefore?: number
}

export interface Log {
  /**
   * Creates a topic's log, durably. Answers the existing one when the settings are equal and rejects with
   * `topic-conflict` when they differ.
   */
  create(topic: TopicId, settings: LogSettings): Promise<LogDescription>
  /** `undefined` where no such log exists. */
  describe(topic: TopicId): Promise<LogDescription | undefined>
  /** Removes a log with all its events; one created later under the name has another incarnation. */
  remove(topic: TopicId): Promise<void>
  /**
   * Answers per event, in the order given, and is durable when it resolves; when it rejects, nothing is known of any
   * of them. Within one call the accepted (stored or duplicate) events of each key, and of each producer, are a prefix:
   * a producer's counter never passes one of its events that was refused. Each stored event takes the next offset, and
   * nothing else takes one. Offsets grow in commit order: a reader that has seen offset n will never find a new event at
   * or below n.
   *
   * Identity is (`source`, `id`): seen again within the window with an equal type, key and payload it is a duplicate,
   * with another one an `id-conflict`. With a producer, a counter that is not higher than the highest is a duplicate
   * however late, and an older epoch is `producer-fenced`. A duplicate counts as seen: it raises both.
   *
   * Rejects with `store-full` when there is no room (retryable), with `topic-unknown`, and with `store-failed` after
   * any other failed write. An engine that cannot know from there on what its store holds, as after a failed flush to a
   * disk, has ended with it and rejects everything; one whose store takes back what it refuses, as a database does, goes
   * on.
   */
  append(topic: TopicId, requests: readonly AppendRequest[]): Promise<readonly AppendAnswer[]>
  /** What the log holds of a producer; `undefined` before its first event. */
  producer(topic: TopicId, id: string): Promise<ProducerState | undefined>
  /** At most `limit` records above offset `after`, of one shard where one is named. Stale records are included. */
  read(topic: TopicId, options: { after: number; limit: number; shard?: number }): Promise<LogPage>
  /**
   * A fuzzy listing of an entity topic's newest events: complete once the deltas from the first page's `from` to the
   * last page's `until` are applied too. Stateless: no snapshot is held between pages. Rejects with
   * `position-unknown` when the cursor belongs to another life of the topic.
   */
  latest(topic: TopicId, options: { cursor?: string; limit: number }): Promise<LatestPage>
  /**
   * The newest event of each of these keys of an entity topic, tombstones included, in no particular order; nothing of a
   * key that was never there or whose tombstone was trimmed, and of a topic of another kind. From an index: the cost
   * must not grow with the log.
   */
  newest(topic: TopicId, keys: readonly string[]): Promise<readonly LogRecord[]>
  /**
   * The newest event behind which at least `bytes` of newer ones stand, by `eventBytes`, as they were appended or as an
   * erasure left them; what is trimmed already where there is none. Asked every minute: the cost must not grow with the
   * log. An engine keeps, beside an event, the sum of all that were appended up to it.
   */
  offsetBehind(topic: TopicId, bytes: number): Promise<number>
  /**
   * Removes events at or below `through`, and what earlier trims kept and need not keep any more; keeps the newest of
   * each key of an entity topic, and whatever `options` names. Space is reused. One that a crash interrupts has removed
   * nothing that it should keep, and the next one finishes it.
   */
  trim(topic: TopicId, through: number, options?: TrimOptions): Promise<void>
  /**
   * Removes all payloads of a key for good: no reader finds them any more, and the space that they took is free to be
   * overwritten (when that happens is the store's affair). The records stay, marked `erased`, with their identity, key
   * and version. Answers how many it erased.
   */
  erase(topic: TopicId, key: string): Promise<number>
  /**
   * A hint that the log may have grown. Everything must be right, if slower, when hints are lost or doubled.
   * The returned function ends it.
   */
  watch(topic: TopicId, listener: () => void): () => void
}

// ------------------------------------------------------------------------------------------------------- ledger

export interface LedgerId {
  readonly namespace: string
  /** Lower-case tokens separated by dots, or `$`-prefixed for the broker's own. */
  readonly ledger: string
  readonly shard: number
}

export interface Ownership {
  readonly id: LedgerId
  /** Higher than that of every owner before. */
  readonly epoch: number
}

export interface LedgerOwner {
  readonly epoch: number
  /** Where the owner's server is reached by the others; absent in one process. */
  readonly address?: string
}

export interface LedgerEntry {
  /** Printable ASCII, ≤ 300 characters; ordered by bytes. */
  readonly key: string
  readonly value: string
}

export interface LedgerChange {
  readonly key: string
  /** `null` removes the entry. */
  readonly value: string | null
}

/** Keys at or above `from` and below `to`; both optional. */
export interface LedgerRange {
  readonly from?: string
  readonly to?: string
}

export interface Ledger {
  /** Makes the caller the one owner, durably, and returns a new, higher epoch. Creates the ledger where there is none. */
  own(id: LedgerId, options?: { address?: string }): Promise<Ownership>
  /** The present owner; `undefined` where there is no such ledger. */
  owner(id: LedgerId): Promise<LedgerOwner | undefined>
  /** What was committed, in key order, at most `limit` entries. */
  load(id: LedgerId, range: LedgerRange, limit: number): Promise<readonly LedgerEntry[]>
  /**
   * Applies all changes or none, durably. Rejects with `ownership-lost`, having changed nothing, when somebody else has
   * become the owner since.
   */
  commit(ownership: Ownership, changes: readonly LedgerChange[]): Promise<void>
  /** Removes the ledger with its entries. The epoch of a later one of the same name is higher all the same. */
  remove(id: LedgerId): Promise<void>
}
