import type { EntityVersion } from '../event/index.ts'
import type { IdentityHash } from './identities.ts'
import type { EarlierLife, LedgerEntry, LedgerId, LogRecord, LogSettings, ProducerState, TopicId } from './port.ts'

/**
 * The store of an engine that is not running, held by whoever carries everything in it to another store: nobody else
 * reads or writes it until it is let go, or what they write is refused.
 *
 * A store serves, or an **arrival** is under way (another store is carried into it), or a **departure** is noted
 * (everything in it is elsewhere). Only one that serves is started; `start` rejects the others as `store-moved`. Each
 * call below is durable when it resolves, and one that a crash interrupts leaves the standing of before or after it.
 */
export interface HeldStore {
  readonly standing: StoreStanding
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
  /** Everything that the store holds, a few items at a time, so that memory is bounded however much that is. */
  contents(bounds: IdentityBounds): AsyncIterable<readonly StoreItem[]>
  /**
   * Replaces what the store holds by these items, and notes the arrival. One that was interrupted leaves an arrival, or
   * the store as it was before.
   */
  receive(arrival: Arrival, items: AsyncIterable<readonly StoreItem[]>): Promise<void>
  /** Notes that everything has arrived. */
  ready(): Promise<void>
  /** Notes the departure: whoever uses the store in spite of it all, or begins to, is refused from here on. */
  leave(departure: Departure): Promise<void>
  /** Lets the store serve, with what has arrived; `past` names the moves that its content has come through. */
  complete(past: readonly string[]): Promise<void>
  /**
   * Lets a store serve that was left. What was stored since elsewhere is not in it, so every topic begins another life, as
   * after a restore.
   */
  takeBack(): Promise<void>
  /** Lets others have it. Idempotent. */
  release(): Promise<void>
}

export interface StoreStanding {
  /** Names the store for good, whatever it holds. */
  readonly store: string
  /** The moves that its content has come through, oldest first. */
  readonly past: readonly string[]
  readonly arrival?: Arrival & { readonly ready: boolean }
  readonly departure?: Departure
}

export interface Arrival {
  /** Names the move. */
  readonly move: string
  /** The store that everything comes from, and where that is, in words for people. */
  readonly store: string
  readonly from: string
}

export interface Departure {
  readonly move: string
  /** Where everything is, in words for people: never with what it takes to get in. */
  readonly to: string
}

/** Which identities of the deduplication window count, so that two stores are asked for the same ones. */
export interface IdentityBounds {
  /** Of the newest offsets of each topic. */
  readonly maxIds: number
  /** Not appended before: milliseconds since 1970. */
  readonly since: number
}

/**
 * What a store holds, item by item. Those of a topic follow it: first `newest` and `producer` in any order, then what
 * stands in its log in the order of offsets. Those of a ledger follow it in any order. A store keeps what it is given and
 * gives it again: offsets, times (in whole milliseconds), lives, epochs and counters are the same ones, also those that
 * nobody can ask for.
 */
export type StoreItem =
  | TopicItem
  | NewestItem
  | ProducerItem
  | IdentityItem
  | RecordItem
  | DamagedItem
  | LedgerItem
  | EntryItem

export interface TopicItem extends LogSettings {
  readonly item: 'topic'
  readonly id: TopicId
  readonly incarnation: string
  readonly continues: readonly EarlierLife[]
  readonly head: number
  readonly trimmed: number
  /** Of the hashes of its identities: see `identityHash`. */
  readonly seed: number
}

/** The newest event of a key of an entity topic, which may have been trimmed: its version is kept for ever. */
export interface NewestItem {
  readonly item: 'newest'
  readonly key: string
  readonly offset: number
  readonly version: EntityVersion
}

export interface ProducerItem extends ProducerState {
  readonly item: 'producer'
  readonly id: string
}

/** An identity within the deduplication window whose event was trimmed. */
export interface IdentityItem {
  readonly item: 'identity'
  readonly offset: number
  readonly appendedAt: number
  readonly hash: IdentityHash
}

export interface RecordItem extends LogRecord {
  readonly item: 'record'
  /** The bytes of all events that were ever appended to the topic up to this one. */
  readonly bytesThrough: number
}

/** An event that cannot be read: it stays one, at its place, and nobody guesses what it was. */
export interface DamagedItem {
  readonly item: 'damaged'
  readonly offset: number
}

export interface LedgerItem {
  readonly item: 'ledger'
  readonly id: LedgerId
  readonly epoch: number
  /** `false` for one that was removed, of which the epoch is left. */
  readonly exists: boolean
  readonly address?: string
}

export interface EntryItem extends LedgerEntry {
  readonly item: 'entry'
}
