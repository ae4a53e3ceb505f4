import type { Caller } from '../broker/port/broker.ts'
import type { PublishedEvent } from '../broker/port/events.ts'
import type { Environment } from '../environment/index.ts'
import type { ErrorCode } from '../errors.ts'
import type { Event } from '../event/index.ts'

/** The events of one caller for one topic, whose order is kept. */
export interface Lane {
  readonly caller: Caller
  readonly topic: string
}

/** Events that were kept together. Each has a producer stamp, so that sending it again is safe however late that is. */
export interface SpooledBatch extends Lane {
  readonly events: readonly PublishedEvent[]
}

/** Where a batch lies in its spool. */
export interface SpooledPlace extends Lane {
  /** Grows with each batch. */
  readonly number: number
  readonly events: number
  readonly bytes: number
}

/** An event that was taken into the spool and that the broker will never take. */
export interface RefusedEvent {
  readonly namespace: string
  readonly topic: string
  readonly code: ErrorCode
  readonly message: string
  readonly event: Event
}

/**
 * PORT: what a client keeps while its server is out of reach. One client at a time has a spool; `open` and `close`
 * frame its calls, which may come at once.
 */
export interface Spool {
  /** Takes the spool and answers what earlier lives left in it, oldest first; `store-locked` while somebody else has it. */
  open(environment: Environment): Promise<readonly SpooledPlace[]>
  /** Durable when it resolves. Rejects with `spool-full` where there is no room, and has kept nothing then. */
  append(batch: SpooledBatch): Promise<SpooledPlace>
  read(place: SpooledPlace): Promise<SpooledBatch>
  /** These were answered. After a crash some of them may be there all the same: their stamps make that harmless. */
  remove(places: readonly SpooledPlace[]): Promise<void>
  /** Keeps a refused event elsewhere, durably when it resolves, and tells whoever wants to know. */
  refuse(refused: RefusedEvent): Promise<void>
  /** Something is wrong that trying again may mend. */
  trouble(error: Error): void
  close(): Promise<void>
}
