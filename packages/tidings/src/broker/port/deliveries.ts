import type { Event, Position } from '../../event/index.ts'

export interface Delivery {
  /** Opaque; needed to settle or renew. */
  readonly lease: string
  readonly position: Position
  readonly appendedAt: number
  readonly generation: number
  /** An earlier generation acknowledged this event already, and the seek's `effects` say what to do about it. */
  readonly replay?: ReplayEffects
  /** Of a subscription with `priorities`: 0 for what matters most. */
  readonly priority?: number
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
