import type { Event } from '../event/index.ts'
import type { SqlRow, Transaction } from '../database/index.ts'
import type { TopicDefinition } from '../broker/port/topics.ts'

/** What a transaction wants to tell others, collected until just before its commit. */
export interface Pending {
  /** In the order in which they are to be published; validated already. */
  readonly events: readonly PendingEvent[]
  /** Entities that the transaction changed, in any order; the same one twice is published once. */
  readonly changes: readonly PendingChange[]
}

export interface PendingEvent {
  readonly topic: string
  readonly kind: TopicDefinition['kind']
  /** Without a version: events of entities get theirs from the outbox. */
  readonly event: Event
}

export interface PendingChange {
  readonly entity: OwnedEntity
  readonly key: string
}

/** An entity whose system of record is this service. */
export interface OwnedEntity {
  readonly topic: string
  /** Reads the entity as it is going to be committed; `undefined` where there is none. Called under the key's lock. */
  readonly readRow: (transaction: Transaction, key: string) => Promise<SqlRow | undefined>
  /** Makes the validated event that says so, without a version. */
  readonly eventFor: (change: EntityChange) => Event | Promise<Event>
}

export type EntityChange =
  | { readonly change: 'created' | 'updated'; readonly key: string; readonly row: SqlRow }
  | { readonly change: 'deleted'; readonly key: string }
