import type { Event, Position } from '../../event/index.ts'
import type { Replacement } from './dead-letters.ts'
import type { ReplayEffects } from './deliveries.ts'
import type { PositionAnswer } from './positions.ts'
import type { Pause } from './subscriptions.ts'

export interface SeekRequest {
  readonly subscription: string
  /** A position to go on after; or `time`, in milliseconds since 1970: on with the first event appended at or after it. */
  readonly to: Position | 'beginning' | 'end' | { readonly time: number }
  /** `skip` by default. */
  readonly effects?: ReplayEffects
  /**
   * At most so many deliveries a second, beside the rate of the policy, until everything that the topic holds now has
   * passed: up to 1,000,000. The next seek ends it.
   */
  readonly perSecond?: number
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

export type CancelAnswer = PositionAnswer<'cancelled', 'scheduled-unknown'>

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
  /** Dead letters whose consumer says that it cannot read them: its contract has to be brought up to date. */
  readonly unreadable: number
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

/** Each state with what an operator needs to know about it, and what its state allows to do. */
export type Explanation = {
  readonly position: Position
  readonly actions: readonly EventAction[]
  /** Where an operator rewrote it for this subscription, and it is not settled yet. */
  readonly replaced?: Replacement
} &
  /**
   * `settled`: acknowledged or superseded. `unread`: further on than the subscription has looked. `beyond-retention`: the
   * topic has removed it, whatever became of it here.
   */
  (
    | { readonly state: 'before-start' | 'filtered' | 'skipped' | 'settled' | 'unread' | 'beyond-retention' }
    /** `heldBack`: why it is not handed out, although it could be. */
    | {
        readonly state: 'ready'
        readonly heldBack?: 'paused' | 'outage' | 'interval' | 'max-in-flight' | 'rate' | 'seek-rate'
      }
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
