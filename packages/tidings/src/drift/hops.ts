import type { Explanation } from '../broker/port/standing.ts'
import type { Position } from '../event/index.ts'

/**
 * What was seen of one key of an entity on its way from the transaction to a copy, hop by hop. Versions are texts that
 * are ordered as versions are, in the form in which a copy stores them; a deletion is newer than a state of its version.
 */
export interface Hops {
  readonly key: string
  /** What the owner has and what its outbox has told; absent where it was not asked. */
  readonly owner?: OwnerHop
  readonly topic: TopicHop
  /** Absent where nobody knows whose events make the copy. */
  readonly subscription?: SubscriptionHop
  readonly copy: CopyHop
  /** The owner wrote it whenever it was looked at, so that what was seen does not belong together. */
  readonly isChanging?: true
}

/** The canonical text of each column that is compared. */
export type Values = ReadonlyMap<string, string>

export interface OwnerHop {
  readonly isPresent: boolean
  /** Of the state as it would be published; absent where there is none, or `refusal`. */
  readonly values?: Values
  /** The version of the schema in which they are read. */
  readonly schema?: number
  readonly refusal?: string
  /** The newest version that was given. */
  readonly version?: string
  /** Committed and not answered by the broker. Milliseconds since 1970. */
  readonly unsent: readonly { readonly writtenAt: number }[]
  readonly held: readonly { readonly heldAt: number; readonly code: string; readonly reason: string }[]
  /** Everything is being published again after a restoration. */
  readonly isListing: boolean
}

export interface TopicHop {
  /** The newest version of the key. */
  readonly newest?: TopicEvent
  /** Older versions, as far as they were looked for. */
  readonly earlier: readonly TopicEvent[]
  /** An event that came after the newest one and is older than it, so that nobody got it. */
  readonly stale?: TopicEvent
  /** Retention has removed something of the topic. */
  readonly isTrimmed: boolean
}

export interface TopicEvent {
  readonly position: Position
  readonly version: string
  readonly isDeleted: boolean
  readonly isErased: boolean
  /** Absent for a deletion, and where the payload is gone or cannot be copied. */
  readonly values?: Values
  /** The version of the schema in which they are read. */
  readonly schema?: number
  /** Milliseconds since 1970. */
  readonly appendedAt: number
}

export interface SubscriptionHop {
  readonly subscription: string
  /**
   * Where the newest event stands that its filter lets through, or the newest one where there is none; absent where the
   * topic has nothing, or the subscription is not there.
   */
  readonly explanation?: Explanation
  /** The types that it gets; all where it is absent. */
  readonly types?: readonly string[]
  /** It has acknowledged more than the copy's database knows of. */
  readonly isAheadOfCopy: boolean
}

export interface CopyHop {
  /** Absent where it has no row. */
  readonly values?: Values
  /** The version of the schema that its contract has, as far as somebody says. */
  readonly schema?: number
  /** Whether it stores which version a row is of, as replicas do and tables of handlers do not. */
  readonly keepsVersions: boolean
  readonly version?: string
  /** The version in which it deleted the row, as long as it remembers that. */
  readonly deletedVersion?: string
  /** The newest state that its contract could not read. */
  readonly unread?: { readonly version: string; readonly reason: string }
}

export function sameValues(left: Values | undefined, right: Values | undefined): boolean {
  if (!left || !right) return left === right
  return left.size === right.size && [...left].every(([column, text]) => right.get(column) === text)
}

/** Whether what two hops have is in one version of the schema, so that it can be compared. */
export function areComparable(left: { readonly schema?: number }, right: { readonly schema?: number }): boolean {
  return left.schema === right.schema
}
