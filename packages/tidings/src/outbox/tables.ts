import type { Database, Dialect, MigrationSet } from '../database/index.ts'
import { outboxMigrations as postgresMigrations } from './postgres/migrations.ts'
import { PostgresRows } from './postgres/rows.ts'
import { statements as postgresStatements } from './postgres/statements.ts'
import type { OutboxRows } from './rows.ts'
import { outboxMigrations as sqliteMigrations } from './sqlite/migrations.ts'
import { SqliteRows } from './sqlite/rows.ts'
import { statements as sqliteStatements } from './sqlite/statements.ts'

/** The tables of an outbox in one dialect. */
export interface OutboxTables {
  readonly migrations: MigrationSet
  readonly statements: OutboxStatements
  rows(database: Database): OutboxRows
}

/** What every dialect says in words of its own, with the same values in the same order. */
export interface OutboxStatements {
  /** Takes the key's lock until the commit, creating its counter, and answers where it stands. Values: topic, key. */
  readonly lockKey: string
  /** Values: sequence, present, topic, key. */
  readonly saveKey: string
  /** Values: topic, key. */
  readonly forgetUnusedKey: string
  readonly source: string
  /** The same, and nobody else has it until the end of the transaction. */
  readonly holdSource: string
  /** Values: topic, key, event, time. */
  readonly write: string
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
  },
  postgres: {
    migrations: postgresMigrations,
    statements: postgresStatements,
    rows: (database) => new PostgresRows(database),
  },
}

export function tablesOf({ dialect }: Database): OutboxTables {
  return dialects[dialect.name]
}
