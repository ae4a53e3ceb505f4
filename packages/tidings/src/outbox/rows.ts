import type { ProducerState } from '../broker/port/events.ts'
import type { Transaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import type { Event } from '../event/index.ts'

/** The rows of an outbox as the relay sees them. Each dialect keeps them in a way of its own. */
export interface OutboxRows {
  /** What the owner of the relay does next. */
  next(options: NextOptions): Promise<Next>
  /**
   * Gives everything that is held of a key back to the relay, in order and before what was written since; `null` for
   * rows without a key. Answers how many there were.
   */
  release(transaction: Transaction, held: { readonly topic: string; readonly key: Uint8Array | null }): Promise<number>
  /** Whether the broker has got more of a topic than this database ever gave out: then it was restored to an older state. */
  isAhead(topic: string, state: ProducerState): Promise<boolean>
  /** Whether the database was moved to another server, so that nobody knows any more what of it was sent. */
  isElsewhere(): Promise<boolean>
  /** Everything that is here is sent again. */
  continueHere(transaction: Transaction): Promise<void>
  /** From here on counters are above every one that the broker knows, also those of rows that wait. */
  continueAbove(transaction: Transaction, counter: number): Promise<void>
  /** The row that has waited longest. */
  oldest(): Promise<{ readonly id: number; readonly writtenAt: number } | undefined>
  /** What stands here of keys of one topic, in this transaction. */
  ofKeys(transaction: Transaction, topic: string, keys: readonly Uint8Array[]): Promise<KeyRows>
  /** How many wait; held ones not counted. */
  count(): Promise<number>
  /**
   * Gives the space of what was sent back where that is not done with each batch; called by the owner, now and then.
   * Answers whether it could: somebody may stand in the way.
   */
  sweep(): Promise<boolean>
}

/** In no particular order, but for the rows of one key: the oldest first. */
export interface KeyRows {
  readonly versions: readonly KeyVersion[]
  /** Committed, and not answered by the broker yet. */
  readonly unsent: readonly { readonly key: Uint8Array; readonly event: Uint8Array; readonly writtenAt: number }[]
  readonly held: readonly HeldRow[]
}

export interface KeyVersion {
  readonly key: Uint8Array
  readonly sequence: number
  readonly present: boolean
}

/** A version as both dialects store it. */
export type VersionRow = { readonly key: Uint8Array; readonly sequence: number; readonly present: number }

export interface HeldRow {
  readonly key: Uint8Array
  readonly id: number
  readonly heldAt: number
  readonly code: string
  readonly reason: string
}

export interface NextOptions {
  /** Of the owner who asks. */
  readonly epoch: number
  /** How many rows at most of which topics. */
  readonly topics: ReadonlyMap<string, number>
  /** Of each topic at most so many bytes, a larger single event excepted. */
  readonly maxBytes: number
}

export interface Next {
  /** Who asked does not own the relay any more, and gets nothing. */
  readonly isReplaced: boolean
  /** Of each topic that was asked for and has something unsent. */
  readonly batches: readonly Batch[]
  /** Topics with something unsent that were not asked for. */
  readonly others: readonly string[]
}

/** What the relay does next for one topic. */
export interface Batch {
  readonly topic: string
  /** In the order of the outbox. */
  readonly rows: readonly Row[]
  /** The topic has more than this batch. */
  readonly more: boolean
  /** Writes down what became of the rows; rejects as `Replaced`, and changes nothing, for who does not own the relay any more. */
  settle(outcome: Outcome, environment: Environment): Promise<Settled>
}

export type Row = {
  readonly id: number
  /** By which the broker knows the row from its producer; the same one however often the row is read. */
  readonly counter: number
  /** As the tables hold it. */
  readonly key: Uint8Array | null
} & (
  | { readonly fate: 'publish'; readonly event: Event }
  /** An earlier event of its key is held. */
  | { readonly fate: 'wait' }
  /** Cannot be published at all. */
  | { readonly fate: 'damaged'; readonly reason: string }
)

export interface Outcome {
  /** Ids of rows. */
  readonly accepted: ReadonlySet<number>
  /** By id; damaged rows among them. */
  readonly refused: ReadonlyMap<number, Refusal>
  /** The broker knows a newer owner of the producer. */
  readonly fenced: boolean
}

export interface Refusal {
  readonly id: number
  readonly topic: string
  readonly key: Uint8Array | null
  readonly code: string
  readonly reason: string
}

export interface Settled {
  /** Now among the held ones. */
  readonly held: readonly Refusal[]
  /** How many rows the outbox is done with. */
  readonly passed: number
}
