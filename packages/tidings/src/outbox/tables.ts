import type { Database, Dialect, MigrationSet, Transaction } from '../database/index.ts'
import { outboxMigrations as postgresMigrations } from './postgres/migrations.ts'
import { PostgresRows } from './postgres/rows.ts'
import { statements as postgresStatements } from './postgres/statements.ts'
import * as postgresWriting from './postgres/writing.ts'
import type { OutboxRows } from './rows.ts'
import { outboxMigrations as sqliteMigrations } from './sqlite/migrations.ts'
import { SqliteRows } from './sqlite/rows.ts'
import { statements as sqliteStatements } from './sqlite/statements.ts'
import * as sqliteWriting from './sqlite/writing.ts'

/** The tables of an outbox in one dialect. */
export interface OutboxTables {
  readonly migrations: MigrationSet
  readonly statements: OutboxStatements
  rows(database: Database): OutboxRows
  /**
   * Takes the locks of keys until the commit, in the order given, creating their counters, and answers where these
   * stand, in the same order.
   */
  lock(transaction: Transaction, keys: readonly EntityKey[]): Promise<readonly LockedKey[]>
  /** Writes down what a transaction tells. */
  write(transaction: Transaction, told: Told): Promise<void>
}

export interface EntityKey {
  readonly topic: string
  readonly key: Uint8Array
}

export interface LockedKey extends EntityKey {
  /** The newest version; 0 before the first. */
  readonly sequence: number
  /** Whether that one says that it exists. */
  readonly present: boolean
}

export interface NewRow {
  readonly topic: string
  readonly key: Uint8Array | null
  readonly event: Uint8Array
  /** Milliseconds since 1970. */
  readonly writtenAt: number
}

export interface Told {
  /** In the order in which they are to be published. */
  readonly rows: readonly NewRow[]
  /** Where counters stand from here on. */
  readonly versions: readonly LockedKey[]
  /** Counters that were made for nothing. */
  readonly unused: readonly EntityKey[]
}

/** What every dialect says in words of its own, with the same values in the same order. */
export interface OutboxStatements {
  readonly source: string
  /** The same, and nobody else has it until the end of the transaction. */
  readonly holdSource: string
  readonly owner: string
  /** Makes an owner with this epoch or a higher one, and answers it. */
  readonly own: string
  /** The epoch of the present owner, who stays it until the end of the transaction. */
  readonly holdOwner: string
  readonly beat: string
  readonly lives: string
  /** Values: topic, incarnation. */
  readonly saveLife: string
  readonly raiseSource: string
  /** Says whose database it is, where anybody asks. Values: the service. */
  readonly nameService?: string
  /** Values: source epoch, twice. */
  readonly markListed: string
  /** Values: topic. */
  readonly listing: string
  /** Values: topic, source epoch, stage, cursor. */
  readonly saveListing: string
  /** Values: id. */
  readonly discard: string
  /** Values: after which id, how many. */
  readonly held: string
  readonly countHeld: string
}

const dialects: Record<Dialect['name'], OutboxTables> = {
  sqlite: {
    migrations: sqliteMigrations,
    statements: sqliteStatements,
    rows: (database) => new SqliteRows(database),
    lock: sqliteWriting.lock,
    write: sqliteWriting.write,
  },
  postgres: {
    migrations: postgresMigrations,
    statements: postgresStatements,
    rows: (database) => new PostgresRows(database),
    lock: postgresWriting.lock,
    write: postgresWriting.write,
  },
}

export function tablesOf({ dialect }: Database): OutboxTables {
  return dialects[dialect.name]
}
