import type { Event } from '../event/index.ts'

/** Something that a person should know; `message` says it in a sentence. */
export type OutboxAlarm = { readonly message: string } &
  /** The oldest event has waited for too long. */
  (
    | { readonly alarm: 'unsent'; readonly oldestUnsentMs: number; readonly pending: number }
    /** The broker refused an event; it and later ones of its key are held until somebody releases them. */
    | {
        readonly alarm: 'held'
        readonly topic: string
        readonly key: string | null
        readonly id: number
        readonly code: string
      }
    /** Nothing of a topic can be published, for a reason that does not go away by itself. */
    | { readonly alarm: 'failing'; readonly topic: string; readonly error: unknown }
    /** The database or the broker's store was restored to an older state: everything is published again. */
    | { readonly alarm: 'restored'; readonly sourceepoch: number }
    /** Publishing everything again failed and is going to be tried again. */
    | { readonly alarm: 'listing-failed'; readonly error: unknown }
    /** The database failed under the relay. */
    | { readonly alarm: 'database-failing'; readonly error: unknown }
  )

export interface OutboxStats {
  /** Events that were committed and not yet answered by the broker; held ones not counted. */
  readonly pending: number
  /** How long the oldest of them has waited; 0 when there is none. */
  readonly oldestUnsentMs: number
  readonly held: number
  /** Whether the relay of this process is the one that publishes. */
  readonly owner: boolean
  readonly sourceepoch: number
  /** Whether everything has to be published again, because the database was restored, and is not yet. */
  readonly listing: boolean
}

export interface HeldEvent {
  readonly id: number
  readonly topic: string
  readonly key: string | null
  /** Milliseconds since 1970. */
  readonly heldAt: number
  /** `behind-refused` for one that waits behind a refused one of its key. */
  readonly code: string
  readonly reason: string
  /** Absent where its stored bytes are damaged. */
  readonly event?: Event
}

/** What one round of the relay did. */
export interface TickReport {
  readonly published: number
  readonly held: number
  /** There is more to do at once. */
  readonly more: boolean
}
