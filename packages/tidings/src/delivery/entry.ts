import type { LogRecord } from '../engine/index.ts'
import type { KeyQueue } from './key-queue.ts'

/**
 * One event that a subscription has not finished with, and that is at hand.
 *
 * | state    | it is …                                         | leaves it by                                              |
 * |----------|-------------------------------------------------|-----------------------------------------------------------|
 * | ready    | to be handed out when its turn in its key comes | claim → leased · newer state → superseded                 |
 * | leased   | with a holder                                   | ack → settled · retry · wait · dead-letter · lost → ready |
 * | retrying | failed; handed out again when due               | due → ready · newer state → superseded                    |
 * | waiting  | short of data; handed out again when due or woken | due, wake → ready · newer state → superseded            |
 *
 * Settled and superseded events have no entry any more. Three more states have none either, because they may last for
 * months and be many; those events are aside, in the ledger only (see `aside.ts`):
 *
 * | state     | it is …                               | leaves it by                                       |
 * |-----------|---------------------------------------|----------------------------------------------------|
 * | scheduled | not due yet                           | due → ready · cancel → discarded                   |
 * | parked    | behind one of its key that is held up | its key moves → ready                              |
 * | dead      | given up                              | redrive → ready · newer state → superseded · discard |
 */
export interface Entry {
  readonly offset: number
  queue: KeyQueue
  state: EntryState
  /** Attempts that count: handlers that reported failure, and hand-outs of a suspect. */
  attempts: number
  /** Whether the attempt under way is in `attempts` already. */
  counted: boolean
  /** Its consumer, or the broker, may have died of it: handed out alone. */
  suspect: boolean
  /** Under coalescing: it does not wait for the interval of its key. */
  urgent?: boolean
  /** It was leased before, in the life of this machine. */
  handedOut?: boolean
  lease?: Lease
  /** When it is due, on the monotonic clock; the wall-clock time is kept for the ledger and for people. */
  due?: { readonly monotonic: number; readonly wall: number; readonly delayMs: number }
  reason?: string
  /** Which edit by an operator is handed out in its place. */
  edit?: number
  /** Whether the ledger has an entry of its own for it; once stored, always stored until it is gone. */
  stored: boolean
  /** Settled, superseded or put aside: whoever still refers to it forgets it. */
  gone: boolean
  /** The event itself, where it is at hand. */
  record?: LogRecord
}

export type EntryState = 'ready' | 'leased' | 'retrying' | 'waiting'

export interface Lease {
  /** Unique for ever: `<epoch>-<number>`. */
  readonly id: string
  readonly holder: string
  /** A pull's lease ends by time and stands in the ledger; a stream's lasts as long as its holder. */
  readonly pull: boolean
}

/** A moment on both clocks: leases and delays run on the monotonic one, people and the ledger see the wall clock. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}
