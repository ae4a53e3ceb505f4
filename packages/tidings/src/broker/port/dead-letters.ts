import type { Event, Position } from '../../event/index.ts'
import type { PositionAnswer } from './positions.ts'

export interface DeadLettersRequest {
  readonly subscription: string
  readonly after?: Position
  /** 1 to 1,000. */
  readonly limit?: number
}

export interface DeadLetter {
  readonly position: Position
  readonly reason: string
  readonly attempts: number
  /** Milliseconds since 1970. */
  readonly at: number
  /** How many later events of its key wait behind it. */
  readonly parked: number
  /** Where an operator rewrote it; `event` is as it was rewritten. */
  readonly replaced?: Replacement
  readonly event: Event
}

export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetter[]
  readonly next?: Position
}

export interface RedriveRequest {
  readonly subscription: string
  readonly positions: readonly Position[] | 'all'
  /** Which edit of the dead letters is meant: those with another one are refused. 0, the default, is the event as published. */
  readonly edit?: number
}

/** That an operator put another payload in the place of an event's, for one subscription. */
export interface Replacement {
  /** 1 for the first of a dead letter. */
  readonly edit: number
  /** The principal who did it. */
  readonly by: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface ReplaceRequest {
  readonly subscription: string
  readonly position: Position
  readonly data: Uint8Array
  /** That of the event where absent. */
  readonly datacontenttype?: string
  /** Which edit of the dead letter this one is based on; 0, the default, is the event as published. */
  readonly edit?: number
}

export interface ReplaceAnswer {
  readonly position: Position
  readonly replaced: Replacement
}

/** `dead-letter-edited`: somebody rewrote it, and the request does not say that it means that edit. */
export type RedriveAnswer = PositionAnswer<'redriven', 'dead-letter-unknown' | 'dead-letter-edited'>

/** Which dead letters; all of what is named must hold. */
export interface DeadLetterFilter {
  readonly type?: string
  readonly key?: string
  /** Part of the reason. */
  readonly reason?: string
  /** Given up at this time or later, in milliseconds since 1970. */
  readonly after?: number
  /** Given up before this time. */
  readonly before?: number
}

export interface StartRedriveRequest {
  readonly subscription: string
  readonly filter?: DeadLetterFilter
  /** At most so many a second; a second's worth may go at once. */
  readonly perSecond?: number
  /** 1, then 2, 5, 20, 100 …: each batch waits until the one before is settled, and the first failure stops it all. */
  readonly canary?: boolean
}

export interface Redrive {
  readonly redrive: string
  /** The principal who began it. */
  readonly by: string
  /** Milliseconds since 1970, as `endedAt`. */
  readonly startedAt: number
  readonly endedAt?: number
  readonly filter: DeadLetterFilter
  readonly perSecond?: number
  readonly canary: boolean
  readonly status: 'running' | 'done' | 'stopped'
  /** Why it was stopped. */
  readonly reason?: string
  /** How many dead letters it has handed back. */
  readonly redriven: number
  /** How many it left alone because an operator had rewritten them. */
  readonly edited: number
}

export interface RedrivePreview {
  readonly subscription: string
  /** How many dead letters would be handed back. */
  readonly deadLetters: number
  /** How many fit, and would be left alone because an operator has rewritten them. */
  readonly edited: number
  /** The first of them, at most a hundred. */
  readonly positions: readonly Position[]
}

export type DiscardAnswer = PositionAnswer<'discarded', 'dead-letter-unknown'>
