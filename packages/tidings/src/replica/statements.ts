import type { Dialect } from '../database/index.ts'

/** The SQL of one build of a replica, in SQLite's dialect. The key column is the first of `columns`. */
export interface BuildStatements {
  /** Values: the columns in order, version, encoded, and for the tombstone: name, build, key, version. */
  readonly upsert: string
  /** Values: the key as text, the key as a number or again as text, version. */
  readonly remove: string
}

const hidden = 'tidings_version text not null, tidings_encoded text'

export function buildStatements(dialect: Dialect, table: string, columns: readonly string[]): BuildStatements {
  const name = dialect.identifier(table)
  const quoted = columns.map((column) => dialect.identifier(column))
  const [key = ''] = quoted
  const all = [...quoted, 'tidings_version', 'tidings_encoded']
  return {
    upsert: `
      insert into ${name} (${all.join(', ')}) select ${all.map(() => '?').join(', ')}
      where not exists (
        select 1 from tidings_replica_tombstones where name = ? and build = ? and key = ? and version >= ?)
      on conflict (${key}) do update set ${all
        .slice(1)
        .map((column) => `${column} = excluded.${column}`)
        .join(', ')}
      where excluded.tidings_version > tidings_version`,
    remove: `delete from ${name} where ${key} in (?, ?) and tidings_version < ?`,
  }
}

/** Creates the table of a build, which nobody but the kit can write. */
export function createTable(dialect: Dialect, table: string, columns: readonly string[]): readonly string[] {
  const [key = '', ...others] = columns.map((column) => dialect.identifier(column))
  const definitions = [`${key} any not null primary key`, ...others.map((column) => `${column} any`), hidden]
  const triggers = ['insert', 'update', 'delete'].map(
    (change) => `
      create trigger ${dialect.identifier(`${table}_no_${change}`)} before ${change} on ${dialect.identifier(table)}
      when (select writable from tidings_replica_guard) = 0
      begin select raise(abort, 'this table is a replica: its rows belong to another service, publish or ask there'); end`,
  )
  return [`create table ${dialect.identifier(table)} (${definitions.join(', ')}) strict, without rowid`, ...triggers]
}

/** Puts the table of a complete build in the place of the one before. */
export function switchTables(
  dialect: Dialect,
  tables: { before: string | undefined; from: string; to: string },
): readonly string[] {
  const { before, from, to } = tables
  return [
    ...(before === undefined ? [] : [`drop table ${dialect.identifier(before)}`]),
    ...(from === to ? [] : [`alter table ${dialect.identifier(from)} rename to ${dialect.identifier(to)}`]),
  ]
}

export const findTable = `select name from sqlite_schema where type in ('table', 'view') and lower(name) = lower(?)`
export const makeWritable = 'update tidings_replica_guard set writable = 1'
export const makeReadOnly = 'update tidings_replica_guard set writable = 0'
export const keepTombstone = `
  insert into tidings_replica_tombstones (name, build, key, version, number) values (?, ?, ?, ?, ?)
  on conflict do update set version = excluded.version, number = excluded.number where excluded.version > version`
export const forgetTombstones = 'delete from tidings_replica_tombstones where name = ? and build = ? and number <= ?'
