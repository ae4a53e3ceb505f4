import { formatExactJson, parseExactJson } from '../contract/index.ts'
import type { MigrationSet, SqlValue } from '../database/index.ts'
import type { BuildStatements, Encoding, ReplicaStatements, TableSwitch } from './tables.ts'

/**
 * `tidings_replicas`: one row for each build of a replica, so one while nothing changes and two during a rebuild.
 * `listed_until` is set once the listing is complete; the build is ready when the floor has passed it.
 *
 * `tidings_replica_tombstones`: the versions of deleted keys, so that an older state which comes later does not bring
 * them back.
 *
 * `tidings_replica_unread`: the keys whose newest state could not be read, with its version and why.
 *
 * `tidings_replica_guard`: replicas can be written while it says 1, which it does inside the kit's transactions only.
 */
export const migrations: MigrationSet = {
  name: 'tidings_replica',
  migrations: [
    `create table tidings_replicas (
       name text not null,
       build integer not null,
       topic text not null,
       columns text not null,
       final_table text not null,
       present_table text not null,
       subscription text not null,
       state text not null check (state in ('filling', 'ready')),
       incarnation text,
       cursor text,
       listed_until text,
       counter integer not null default 0,
       primary key (name, build)
     ) strict;
     create table tidings_replica_tombstones (
       name text not null,
       build integer not null,
       key blob not null,
       version text not null,
       number integer not null,
       primary key (name, build, key)
     ) strict, without rowid;
     create index tidings_replica_tombstones_by_position on tidings_replica_tombstones (name, build, number);
     create table tidings_replica_guard (writable integer not null) strict;
     insert into tidings_replica_guard (writable) values (0)`,
    `create table tidings_replica_unread (
       name text not null,
       build integer not null,
       key blob not null,
       version text not null,
       reason text not null,
       primary key (name, build, key)
     ) strict, without rowid`,
  ],
}

export const statements: ReplicaStatements = {
  builds: 'select * from tidings_replicas where name = ? order by build',
  buildsOfTable: 'select * from tidings_replicas where final_table = ? order by build',
  ownTable: 'select 1 from tidings_replicas where name = ? and lower(present_table) = lower(?)',
  findTable: `select name from sqlite_schema where type in ('table', 'view') and lower(name) = lower(?)`,
  insertBuild: `
    insert into tidings_replicas (name, build, topic, columns, final_table, present_table, subscription, state)
    values (?, ?, ?, ?, ?, ?, ?, 'filling') on conflict do nothing returning build`,
  keepIncarnation: 'update tidings_replicas set incarnation = ? where name = ? and build = ?',
  keepPlace: 'update tidings_replicas set cursor = ?, listed_until = ? where name = ? and build = ?',
  makeReady: `
    update tidings_replicas set state = 'ready', present_table = ?
    where name = ? and build = ? and state = 'filling' returning build`,
  raiseCounter: `
    update tidings_replicas set counter = counter + 1 where name = ? and build = ? and present_table = ?
    returning counter`,
  forgetBuild: 'delete from tidings_replicas where name = ? and build = ?',
  makeWritable: 'update tidings_replica_guard set writable = 1',
  makeReadOnly: 'update tidings_replica_guard set writable = 0',
  tombstone: 'select version from tidings_replica_tombstones where name = ? and build = ? and key = ?',
  forgetTombstones: 'delete from tidings_replica_tombstones where name = ? and build = ? and number <= ?',
  forgetEveryTombstone: 'delete from tidings_replica_tombstones where name = ? and build = ?',
  unread: 'select key, version from tidings_replica_unread where name = ? and build = ? limit ?',
  unreadOf: 'select version, reason from tidings_replica_unread where name = ? and build = ? and key = ?',
  countUnread: 'select count(*) as count from tidings_replica_unread where name = ? and build = ?',
  keepUnread: `
    insert into tidings_replica_unread (name, build, key, version, reason) values (?, ?, ?, ?, ?)
    on conflict do nothing returning version`,
  raiseUnread: `
    update tidings_replica_unread set version = ?, reason = ? where name = ? and build = ? and key = ? and version < ?`,
  forgetUnread: (read, { name, number }) =>
    read.map(({ key, version }) => ({
      text: `
        delete from tidings_replica_unread where name = ? and build = ? and key = ? and version <= ?
        returning version`,
      values: [name, number, encoder.encode(key), version],
    })),
  forgetEveryUnread: 'delete from tidings_replica_unread where name = ? and build = ?',
}

const hidden = 'tidings_version text not null, tidings_encoded text'

export function buildStatements(table: string, columns: readonly string[]): BuildStatements {
  const name = quoted(table)
  const [key = '', ...others] = columns.map(quoted)
  const all = [key, ...others, 'tidings_version', 'tidings_encoded']
  const assignments = all.slice(1).map((column) => `${column} = excluded.${column}`)
  const upsert = `
    insert into ${name} (${all.join(', ')}) select ${all.map(() => '?').join(', ')}
    where not exists (
      select 1 from tidings_replica_tombstones where name = ? and build = ? and key = ? and version >= ?)
    on conflict (${key}) do update set ${assignments.join(', ')}
    where excluded.tidings_version > tidings_version`
  const keepTombstone = `
    insert into tidings_replica_tombstones (name, build, key, version, number) values (?, ?, ?, ?, ?)
    on conflict do update set version = excluded.version, number = excluded.number where excluded.version > version`
  const remove = `delete from ${name} where ${key} in (?, ?) and tidings_version < ?`
  return {
    upsert: (rows, build) =>
      rows.map(({ key: text, values, version, encoded }) => ({
        text: upsert,
        values: [...values, version, encoded, build.name, build.number, encoder.encode(text), version],
      })),
    remove: (deletions, build) =>
      deletions.flatMap(({ key: text, version, number }) => [
        { text: keepTombstone, values: [build.name, build.number, encoder.encode(text), version, number] },
        { text: remove, values: [...keyValues(text), version] },
      ]),
    versionOf: `
      select tidings_version as version from ${name} where ${key} in (?, ?) union all
      select version from tidings_replica_tombstones where name = ? and build = ? and key = ?`,
  }
}

export function createTable(table: string, columns: readonly string[]): readonly string[] {
  const [key = '', ...others] = columns.map(quoted)
  const definitions = [`${key} any not null primary key`, ...others.map((column) => `${column} any`), hidden]
  const triggers = ['insert', 'update', 'delete'].map(
    (change) => `
      create trigger ${quoted(`${table}_no_${change}`)} before ${change} on ${quoted(table)}
      when (select writable from tidings_replica_guard) = 0
      begin select raise(abort, 'this table is a replica: its rows belong to another service, publish or ask there'); end`,
  )
  return [`create table ${quoted(table)} (${definitions.join(', ')}) strict, without rowid`, ...triggers]
}

export function switchTables({ before, from, to }: TableSwitch): readonly string[] {
  return [
    ...(before === undefined ? [] : [`drop table ${quoted(before)}`]),
    ...(from === to ? [] : [`alter table ${quoted(from)} rename to ${quoted(to)}`]),
  ]
}

/** Nobody switches at the same time, because nobody else writes at the same time. */
export const beforeSwitch: readonly string[] = []

/** Names may be of any length here. */
export function unfitName(): undefined {
  return undefined
}

// -------------------------------------------------------------------------------------------------------------- values

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Lists and objects as JSON, booleans as 0 and 1, everything else as what it is. */
export function encodeValue(value: unknown): [SqlValue, Encoding?] {
  if (value === undefined) return [null, 'absent']
  if (value === null || typeof value === 'number' || isInteger(value)) return [value]
  if (typeof value === 'boolean') return [value ? 1 : 0, 'boolean']
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) return [formatExactJson(value), 'json']
  // A text ends at a NUL character for some clients; bytes are never equal to a text.
  return value.includes('\0') ? [encoder.encode(value), 'utf8'] : [value]
}

export function decodeValue(value: SqlValue, encoding: Encoding): unknown {
  if (encoding === 'boolean') return value === 1
  if (encoding === 'json' && typeof value === 'string') return parseExactJson(value)
  if (encoding === 'utf8' && value instanceof Uint8Array) return decoder.decode(value)
  return value
}

/** A text, or the number that it spells. */
export function keyValues(key: string): readonly [SqlValue, SqlValue] {
  const [text] = encodeValue(key)
  return [text, numberOf(key) ?? text]
}

function numberOf(key: string): number | bigint | undefined {
  const number = Number(key)
  if (Number.isSafeInteger(number) || !/^-?[1-9]\d*$/.test(key)) {
    return String(number) === key && Number.isFinite(number) ? number : undefined
  }
  const integer = BigInt(key)
  return isInteger(integer) ? integer : undefined
}

/** Whether a value is an integer beyond 2^53 that SQLite has as one. */
function isInteger(value: unknown): value is bigint {
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
