import type { Delivery } from './index.ts'

/** What a history knows of events, deliveries and leases. */

/** What the history published, and the topic therefore has. */
export interface Published {
  readonly offset: number
  readonly id: string
  readonly key: string | undefined
  readonly subject: string
  readonly text: string | undefined
  readonly appendedAt: number
  readonly dueAt: number
  readonly stale: boolean
  /** Erased, so that nobody can tell any more which filter wants it. */
  blank?: true
}

/** A delivery in a consumer's hands. */
export interface Holding {
  readonly lease: string
  readonly offset: number
  readonly key: string | undefined
  readonly holder: string
  /** How many owners the subscription had had when it was handed out, or presented again. */
  era: number
  /** Whether it was handed out by whoever owned the subscription. */
  readonly owned: boolean
  /** Absent for a stream's. */
  pull?: { wallUntil: number; leaseMs: number }
  /** Nobody else may be handed this event, or one of its key, before this time of the monotonic clock. */
  safeUntil: number
  /** `lost`: whoever settles it is told so. */
  state: 'held' | 'doubtful' | 'lost'
}

/** Where one event stands in the present generation. */
export interface Track {
  finished?: 'acknowledged' | 'discarded'
  /** In which generation it was finished. */
  finishedIn?: number
  /** Somebody's call about it was never answered. */
  vague?: true
  deliveredTo?: string
  /** Known as a dead letter, and whether it stops its key. */
  dead?: { stops: boolean }
  /** Was a dead letter, or may have been, and came back: its place among its key is no longer told. */
  astray?: true
  edit?: { edit: number; text: string }
  notBefore?: { monotonic: number; wall: number; delayMs: number }
}

export interface Arrival {
  readonly delivery: Delivery
  readonly offset: number
  readonly holder: string
  readonly pull?: { readonly leaseMs: number }
  readonly owned: boolean
  readonly era: number
  readonly step: number
  readonly monotonic: number
  readonly wall: number
  readonly mostWall: number
}
