import type { Dialect, MigrationSet, SqlValue } from '../database/index.ts'
import * as postgres from './postgres.ts'
import * as sqlite from './sqlite.ts'

/** How a value is stored where SQL has no such value, or its column has another type; in `tidings_encoded`, by column. */
export type Encoding = 'absent' | 'boolean' | 'json' | 'number' | 'utf8'

/** Replicas as one kind of database has them. The key column is the first of `columns` everywhere. */
export interface ReplicaTables {
  readonly migrations: MigrationSet
  readonly statements: ReplicaStatements
  buildStatements(table: string, columns: readonly string[]): BuildStatements
  /** Creates the table of a build, which nobody but the kit can write. */
  createTable(table: string, columns: readonly string[]): readonly string[]
  /** Puts the table of a complete build in the place of the one before. */
  switchTables(tables: TableSwitch): readonly string[]
  /** What comes first in the transaction of a switch. */
  readonly beforeSwitch: readonly string[]
  /** The first of the names that this database would not take as it is. */
  unfitName(table: string, columns: readonly string[]): string | undefined

  encodeValue(value: unknown): [SqlValue, Encoding?]
  decodeValue(value: SqlValue, encoding: Encoding): unknown
  /** The key of an event as the values that its column may hold. */
  keyValues(key: string): readonly [SqlValue, SqlValue]
}

export interface TableSwitch {
  /** The table of the build before; absent where there is none. */
  readonly before: string | undefined
  readonly from: string
  readonly to: string
}

/** A row as a build stores it. */
export interface BuildRow {
  /** The key as events have it. */
  readonly key: string
  /** In the order of the columns. */
  readonly values: readonly SqlValue[]
  readonly version: string
  readonly encoded: string | null
}

/** A state of a key that is gone, or of one that was read. */
export interface KeyVersion {
  readonly key: string
  readonly version: string
}

export interface Deletion extends KeyVersion {
  /** Of the event in its topic. */
  readonly number: number
}

/** Which build of which replica. */
export interface BuildName {
  readonly name: string
  readonly number: number
}

export interface Statement {
  readonly text: string
  readonly values: readonly SqlValue[]
}

/** Of one build of a replica. */
export interface BuildStatements {
  /** Writes rows of different keys, each unless the build has something newer of it, tombstones included. */
  upsert(rows: readonly BuildRow[], build: BuildName): readonly Statement[]
  /** Removes the rows of different keys, each unless it is newer, and keeps a tombstone of each. */
  remove(deletions: readonly Deletion[], build: BuildName): readonly Statement[]
  /** The two values of the key, and for the tombstone: name, build, key. Versions that the copy has of it. */
  readonly versionOf: string
}

/** By what they do to the tables of the kit; the values of each, in order. */
export interface ReplicaStatements {
  /** Name. */
  readonly builds: string
  /** Final table. */
  readonly buildsOfTable: string
  /** Name, table: a row where the table is one of this replica. */
  readonly ownTable: string
  /** Table: what stands where it would be created. */
  readonly findTable: string
  /** Name, build, topic, columns, final table, present table, subscription. */
  readonly insertBuild: string
  /** Incarnation, name, build. */
  readonly keepIncarnation: string
  /** Cursor, end of the listing, name, build. */
  readonly keepPlace: string
  /** Present table, name, build: a row where it was not ready. */
  readonly makeReady: string
  /** Name, build, present table: the counter, unless the build or its table is gone. Whoever raises it next waits until this one is committed. */
  readonly raiseCounter: string
  /** Name, build. */
  readonly forgetBuild: string
  readonly makeWritable: string
  readonly makeReadOnly: string
  /** Name, build, key: the version in which it was deleted, as long as that is kept. */
  readonly tombstone: string
  /** Name, build, number. */
  readonly forgetTombstones: string
  /** Name, build. */
  readonly forgetEveryTombstone: string
  /** Name, build, most rows: key and version of what could not be read. */
  readonly unread: string
  /** Name, build, key: version and reason of the state that could not be read. */
  readonly unreadOf: string
  /** Name, build. */
  readonly countUnread: string
  /** Name, build, key, version, reason: a row where there was none of the key. */
  readonly keepUnread: string
  /** Version, reason, name, build, key, version: where it was an older one. */
  readonly raiseUnread: string
  /** Forgets the states of keys up to these versions; a row for each that there was. */
  forgetUnread(read: readonly KeyVersion[], build: BuildName): readonly Statement[]
  /** Name, build. */
  readonly forgetEveryUnread: string
}

const tables: Readonly<Record<Dialect['name'], ReplicaTables>> = { sqlite, postgres }

export function tablesOf({ name }: Dialect): ReplicaTables {
  return tables[name]
}
