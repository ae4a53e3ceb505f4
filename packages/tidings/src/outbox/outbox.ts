import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Database, DatabaseTransaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import type { OutboxKeys } from './keys.ts'
import type { Pending } from './pending.ts'
import type { Listing, ListingReport } from './relist.ts'
import type { HeldEvent, OutboxAlarm, OutboxStats, TickReport } from './report.ts'

export interface OutboxOptions {
  readonly database: Database
  readonly broker: Broker
  readonly caller: Caller
  /** The service whose outbox it is. */
  readonly service: string
  readonly environment?: Environment
  /** The topics that the service publishes to: a restored database shows at the start, not with the next event. */
  readonly topics?: readonly string[]
  /** Told what a person should know. There is no default, so that nobody is left in the dark by accident. */
  readonly onAlarm: (alarm: OutboxAlarm) => void
  /** The database or the broker's store was restored: call `relist` for every entity. Called again, also after a restart, until it resolves. */
  readonly onRestored?: () => Promise<void>
  /** The broker does not have a topic any more: its store was restored from a backup of before, or somebody removed it. */
  readonly onTopicUnknown?: () => void
  /** How often the relay looks without having been woken: 200 ms. A fifth as often where the last 50 looks found nothing. */
  readonly pollMs?: number
  /** At most so many events in one call: 500. */
  readonly batchRows?: number
  /** At most so many bytes in one call, a larger single event excepted: 1 MiB. */
  readonly batchBytes?: number
  /** When an unanswered call counts as lost: 30 s. */
  readonly publishTimeoutMs?: number
  /** The age of the oldest unsent event from which somebody is told: 60 s. */
  readonly alarmAfterMs?: number
  /** How long an owner may show no life before another process takes over: 10 s. */
  readonly takeoverMs?: number
}

export interface Outbox {
  /** Prepares, then relays until `stop`. The database must be running; the broker need not be. Idempotent. */
  start(): Promise<void>
  /** Creates the tables and takes the relay over, for those who drive it with `tick`. Nothing may be written before. */
  prepare(): Promise<void>
  /** Waits for what is in flight, a second at most; the database must still be running. Idempotent. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  /**
   * Writes what a transaction has to tell into its outbox, just before its commit, and answers how many events that are.
   * Call `wake` after the commit.
   */
  flush(transaction: DatabaseTransaction, pending: Pending): Promise<number>
  /** A hint that something was committed. Everything arrives without hints too, later. */
  wake(): void
  /** One round of the relay; those who call it while one runs get that one. */
  tick(): Promise<TickReport>
  /** Publishes an entity completely after `onRestored`; goes on where an earlier call ended. */
  relist(listing: Listing): Promise<ListingReport>
  /** Events that the broker refused, and later ones of their keys, by id. */
  held(options?: { readonly after?: number; readonly limit?: number }): Promise<readonly HeldEvent[]>
  /** Hands what is held of a key back to the relay, in order; `null` for events without one. Answers how many. */
  release(held: { readonly topic: string; readonly key: string | null }): Promise<number>
  /** Gives one held event up for good. Answers whether there was one; later ones of its key stay held until released. */
  discard(id: number): Promise<boolean>
  /** For those who look into single keys. */
  readonly keys: OutboxKeys
  stats(): Promise<OutboxStats>
}
