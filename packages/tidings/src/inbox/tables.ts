import type { Dialect, MigrationSet, SqlValue, Transaction } from '../database/index.ts'
import * as postgres from './postgres.ts'
import * as sqlite from './sqlite.ts'

/** The inbox as one kind of database has it. */
export interface InboxTables {
  readonly migrations: MigrationSet
  readonly statements: InboxStatements
  /**
   * Whether of two effects of a subscription the one with the higher counter is always committed later. Where it is not,
   * the counter of an effect does not show that this effect is there: see `mark`.
   */
  readonly countsInOrder: boolean
  /** No counter up to this one is given out from here on. Comes first in its transaction. */
  raiseCounter(transaction: Transaction, counter: number): Promise<void>
  /** The `source` or `id` of an event as it is stored and compared. */
  storedText(text: string): SqlValue
}

/** By what they do; the values of each, in order. */
export interface InboxStatements {
  /** Subscription, source, id. */
  readonly generations: string
  /** Subscription, generation, source, id, incarnation, number, and whether it counts though another generation has it. */
  readonly insert: string
  /** Answer, counter. */
  readonly keepAnswer: string
  /** Subscription, source, id. */
  readonly answer: string
  /** Subscription. */
  readonly floor: string
  /** Subscription, incarnation, generation, number. */
  readonly passed: string
  /** Subscription, incarnation, number, generation, counter. */
  readonly keepFloor: string
  /** Subscription, incarnation, number, counter. */
  readonly deletePassed: string
  /** Subscription: the highest counter that it has reached, whether or not its row is still there. */
  readonly counter: string
  /** Subscription: a counter that is not reached by any state of the database which lacks something that was committed before. */
  readonly mark: string
  /** Generation, subscription. */
  readonly countInGeneration: string
  /** Another life, subscription, the life before, the last number that both have in common. */
  readonly moveLife: string
}

const tables: Readonly<Record<Dialect['name'], InboxTables>> = { sqlite, postgres }

export function tablesOf({ name }: Dialect): InboxTables {
  return tables[name]
}

export function inboxMigrations(dialect: Dialect): MigrationSet {
  return tablesOf(dialect).migrations
}
