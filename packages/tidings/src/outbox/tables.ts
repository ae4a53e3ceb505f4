import type { Database, DatabaseTransaction, Dialect, MigrationSet, Transaction } from '../database/index.ts'
import { outboxMigrations as postgresMigrations } from './postgres/migrations.ts'
import { PostgresRows } from './postgres/rows.ts'
import { statements as postgresStatements } from './postgres/statements.ts'
import { PostgresWriting } from './postgres/writing.ts'
import type { Environment } from '../environment/index.ts'
import type { OutboxRows } from './rows.ts'
import { outboxMigrations as sqliteMigrations } from './sqlite/migrations.ts'
import { SqliteRows } from './sqlite/rows.ts'
import { statements as sqliteStatements } from './sqlite/statements.ts'
import { sqliteWriting } from './sqlite/writing.ts'

/** The tables of an outbox in one dialect. */
export interface OutboxTables {
  readonly migrations: MigrationSet
  readonly statements: OutboxStatements
  rows(database: Database): OutboxRows
  writing(environment: Environment): OutboxWriting
}

/** How transactions write into an outbox. */
export interface OutboxWriting {
  /**
   * Takes the locks of keys, one at least, until the commit, in the order given, creating their counters, and answers
   * where these stand, in the same order.
   */
  lock(transaction: Transaction, keys: readonly EntityKey[]): Promise<Locked>
  /**
   * Writes down what a transaction tells. Answers `false`, and wrote no event, where it tells of versions in another epoch
   * than the present one: whoever lists everything in a newer epoch has a key before its lock is taken, or after the
   * commit, and either way the newer state must have the higher version.
   */
  write(transaction: DatabaseTransaction, told: Told): Promise<boolean>
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

export interface Locked {
  readonly keys: readonly LockedKey[]
  /** Of the source; where locks had to be waited for it may be one of before. */
  readonly sourceepoch: number
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
  /** In which the versions are. */
  readonly sourceepoch: number
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
    writing: () => sqliteWriting,
  },
  postgres: {
    migrations: postgresMigrations,
    statements: postgresStatements,
    rows: (database) => new PostgresRows(database),
    writing: (environment) => new PostgresWriting(environment),
  },
}

export function tablesOf({ dialect }: Database): OutboxTables {
  return dialects[dialect.name]
}
