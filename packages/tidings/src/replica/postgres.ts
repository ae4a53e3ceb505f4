import { formatExactJson, parseExactJson } from '../contract/index.ts'
import type { MigrationSet, SqlValue } from '../database/index.ts'
import type { BuildRow, BuildStatements, Encoding, ReplicaStatements, TableSwitch } from './tables.ts'

/**
 * `tidings.replicas`: one row for each build of a replica, so one while nothing changes and two during a rebuild.
 * `listed_until` is set once the listing is complete; the build is ready when the floor has passed it.
 *
 * `tidings.replica_tombstones`: the versions of deleted keys, so that an older state which comes later does not bring
 * them back. Versions are compared byte by byte, whatever the language of the database.
 *
 * `tidings.replica_unread`: the keys whose newest state could not be read, with its version and why.
 *
 * The functions keep everybody but the kit from writing replicas: `refuse_replica_write` is the trigger of each, and
 * lets pass what happens in a transaction that has said that it is the kit's; `protect_replica` takes the rights that
 * new tables give to other roles by default; `keep_replica_readers` gives to the next build what a reader was granted on
 * the one before.
 */
export const migrations: MigrationSet = {
  name: 'tidings_replica',
  migrations: [
    `create table tidings.replicas (
       name text not null,
       build bigint not null,
       topic text not null,
       columns text not null,
       final_table text not null,
       present_table text not null,
       subscription text not null,
       state text not null check (state in ('filling', 'ready')),
       incarnation text,
       cursor text,
       listed_until text,
       counter bigint not null default 0,
       primary key (name, build)
     );
     create table tidings.replica_tombstones (
       name text not null,
       build bigint not null,
       key bytea not null,
       version text collate "C" not null,
       number bigint not null,
       primary key (name, build, key)
     );
     create index replica_tombstones_by_position on tidings.replica_tombstones (name, build, number);
     create function tidings.refuse_replica_write() returns trigger language plpgsql as $$
     begin
       if current_setting('tidings.replica_writable', true) = 'on' then
         return null;
       end if;
       raise exception 'this table is a replica: its rows belong to another service, publish or ask there';
     end $$;
     create function tidings.name_of_grantee(grantee oid) returns text language sql as $$
       select case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
     $$;
     create function tidings.protect_replica(copy regclass) returns void language plpgsql as $$
     declare
       other text;
     begin
       for other in
         select distinct tidings.name_of_grantee(grantee) from pg_class, aclexplode(relacl)
         where pg_class.oid = copy and grantee <> relowner
       loop
         execute format('revoke insert, update, delete, truncate, references, trigger on %s from %s', copy, other);
       end loop;
     end $$;
     create function tidings.keep_replica_readers(before regclass, copy regclass) returns void language plpgsql as $$
     declare
       reader text;
     begin
       for reader in
         select distinct tidings.name_of_grantee(grantee) from pg_class, aclexplode(relacl)
         where pg_class.oid = before and grantee <> relowner and privilege_type = 'SELECT'
       loop
         execute format('grant select on %s to %s', copy, reader);
       end loop;
     end $$`,
    // Every right but to read, whatever rights there are: PostgreSQL 17 has one more.
    `create or replace function tidings.protect_replica(copy regclass) returns void language plpgsql as $$
     declare
       given record;
     begin
       for given in
         select privilege_type as privilege, tidings.name_of_grantee(grantee) as grantee from pg_class, aclexplode(relacl)
         where pg_class.oid = copy and grantee <> relowner and privilege_type <> 'SELECT'
       loop
         execute format('revoke %s on %s from %s', given.privilege, copy, given.grantee);
       end loop;
     end $$`,
    `create table tidings.replica_unread (
       name text not null,
       build bigint not null,
       key bytea not null,
       version text collate "C" not null,
       reason text not null,
       primary key (name, build, key)
     )`,
  ],
}

export const statements: ReplicaStatements = {
  builds: 'select * from tidings.replicas where name = $1 order by build',
  buildsOfTable: 'select * from tidings.replicas where final_table = $1 order by build',
  ownTable: 'select 1 from tidings.replicas where name = $1 and present_table = $2',
  // Tables share their names with views, sequences, indexes and types.
  findTable: `
    select relname as name from pg_class where relnamespace = current_schema()::regnamespace and relname = $1
    union all
    select typname from pg_type where typnamespace = current_schema()::regnamespace and typname = $1
    limit 1`,
  insertBuild: `
    insert into tidings.replicas (name, build, topic, columns, final_table, present_table, subscription, state)
    values ($1, $2, $3, $4, $5, $6, $7, 'filling') on conflict do nothing returning build`,
  keepIncarnation: 'update tidings.replicas set incarnation = $1 where name = $2 and build = $3',
  keepPlace: 'update tidings.replicas set cursor = $1, listed_until = $2 where name = $3 and build = $4',
  makeReady: `
    update tidings.replicas set state = 'ready', present_table = $1
    where name = $2 and build = $3 and state = 'filling' returning build`,
  raiseCounter: `
    update tidings.replicas set counter = counter + 1 where name = $1 and build = $2 and present_table = $3
    returning counter`,
  forgetBuild: 'delete from tidings.replicas where name = $1 and build = $2',
  makeWritable: `select set_config('tidings.replica_writable', 'on', true)`,
  makeReadOnly: `select set_config('tidings.replica_writable', 'off', true)`,
  keepTombstone: `
    insert into tidings.replica_tombstones as kept (name, build, key, version, number) values ($1, $2, $3, $4, $5)
    on conflict (name, build, key) do update set version = excluded.version, number = excluded.number
    where excluded.version > kept.version`,
  tombstone: 'select version from tidings.replica_tombstones where name = $1 and build = $2 and key = $3',
  forgetTombstones: 'delete from tidings.replica_tombstones where name = $1 and build = $2 and number <= $3',
  forgetEveryTombstone: 'delete from tidings.replica_tombstones where name = $1 and build = $2',
  unread: 'select key, version from tidings.replica_unread where name = $1 and build = $2 limit $3',
  unreadOf: 'select version, reason from tidings.replica_unread where name = $1 and build = $2 and key = $3',
  countUnread: 'select count(*) as count from tidings.replica_unread where name = $1 and build = $2',
  keepUnread: `
    insert into tidings.replica_unread (name, build, key, version, reason) values ($1, $2, $3, $4, $5)
    on conflict do nothing returning version`,
  raiseUnread: `
    update tidings.replica_unread set version = $1, reason = $2
    where name = $3 and build = $4 and key = $5 and version < $6`,
  forgetUnread: `
    delete from tidings.replica_unread where name = $1 and build = $2 and key = $3 and version <= $4 returning version`,
  forgetEveryUnread: 'delete from tidings.replica_unread where name = $1 and build = $2',
}

const hidden = 'tidings_version text collate "C" not null, tidings_encoded text'

export function buildStatements(table: string, columns: readonly string[]): BuildStatements {
  const [key = '', ...others] = columns.map(quoted)
  const all = [key, ...others, 'tidings_version', 'tidings_encoded']
  const assignments = all.slice(1).map((column) => `${column} = excluded.${column}`)
  const fields = all.map((_, place) => `c${place}`)
  const [version, name, number] = [fields.length - 2, `$${fields.length + 1}`, `$${fields.length + 2}`]
  const upsert = `
    insert into ${quoted(table)} as copied (${all.join(', ')})
    select r.* from unnest(${fields.map((_, place) => `$${place + 1}::text[]`).join(', ')}) as r (${fields.join(', ')})
    where not exists (
      select 1 from tidings.replica_tombstones t
      where t.name = ${name} and t.build = ${number} and t.key = convert_to(r.c0, 'UTF8') and t.version >= r.c${version})
    on conflict (${key}) do update set ${assignments.join(', ')}
    where excluded.tidings_version > copied.tidings_version`
  return {
    upsert: (rows, build) =>
      portions(rows).map((portion) => {
        const lists = portion.map(({ values, version: text, encoded }) => [...values, text, encoded])
        return { text: upsert, values: [...fields.map((_, place) => listOf(lists, place)), build.name, build.number] }
      }),
    remove: `delete from ${quoted(table)} where ${key} in ($1, $2) and tidings_version < $3`,
    versionOf: `
      select tidings_version as version from ${quoted(table)} where ${key} in ($1, $2) union all
      select version from tidings.replica_tombstones where name = $3 and build = $4 and key = $5`,
  }
}

export function createTable(table: string, columns: readonly string[]): readonly string[] {
  const [key = '', ...others] = columns.map(quoted)
  const definitions = [`${key} text primary key`, ...others.map((column) => `${column} text`), hidden]
  return [
    `create table ${quoted(table)} (${definitions.join(', ')})`,
    indexByBytes(table, key),
    `create trigger tidings_read_only before insert or update or delete or truncate on ${quoted(table)}
     for each statement execute function tidings.refuse_replica_write()`,
    `select tidings.protect_replica(${tableOf(table)})`,
  ]
}

/**
 * The order in which copies are compared, where the primary key has another one. The column itself keeps the collation of
 * the database: a join with a column of the service would not use the index of another one.
 */
function indexByBytes(table: string, key: string): string {
  const body = `begin
    if not (select datcollate in ('C', 'POSIX') and coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
        from pg_database d where datname = current_database()) then
      create index on ${quoted(table)} (${key} collate "C");
    end if;
  end`
  return `do '${body.replaceAll("'", "''")}'`
}

export function switchTables({ before, from, to }: TableSwitch): readonly string[] {
  const replacement =
    before === undefined
      ? []
      : [`select tidings.keep_replica_readers(${tableOf(before)}, ${tableOf(from)})`, `drop table ${quoted(before)}`]
  return [...replacement, ...(from === to ? [] : [`alter table ${quoted(from)} rename to ${quoted(to)}`])]
}

/**
 * A table can be replaced only when nobody reads it, and while the kit waits for that, whoever comes to read waits behind
 * the kit. So it waits for a moment only, and tries again later.
 */
export const beforeSwitch: readonly string[] = [`set local lock_timeout = '50ms'`]

/** The server cuts a longer name, and two names may be one then. */
const longestName = 63
/** Behind the name of the table stands the number of the build while it is filled. */
const longestTableName = longestName - '__1000000'.length

export function unfitName(table: string, columns: readonly string[]): string | undefined {
  if (!fits(table, longestTableName)) return table
  return columns.find((column) => !fits(column, longestName))
}

function fits(name: string, longest: number): boolean {
  const { length } = encoder.encode(name)
  return length >= 1 && length <= longest && isText(name)
}

// -------------------------------------------------------------------------------------------------------------- values

const encoder = new TextEncoder()

/**
 * Every column is text, which a number and a boolean are, too; what is no such text is JSON. A key never is, because it
 * is well-formed and holds no control character.
 */
export function encodeValue(value: unknown): [SqlValue, Encoding?] {
  if (value === undefined) return [null, 'absent']
  if (value === null) return [null]
  if (typeof value === 'number') return [Object.is(value, -0) ? '-0' : String(value), 'number']
  if (typeof value === 'bigint') return [String(value), 'number']
  if (typeof value === 'boolean') return [String(value), 'boolean']
  return typeof value === 'string' && isText(value) ? [value] : [formatExactJson(value), 'json']
}

export function decodeValue(value: SqlValue, encoding: Encoding): unknown {
  if (encoding === 'boolean') return value === 'true'
  return encoding === 'number' || encoding === 'json' ? parseExactJson(String(value)) : value
}

/** A number and the text that spells it are one here. */
export function keyValues(key: string): readonly [SqlValue, SqlValue] {
  const [text] = encodeValue(key)
  return [text, text]
}

/** Whether a column of the type text can hold it. */
function isText(value: string): boolean {
  return !value.includes('\0') && !/\p{Surrogate}/u.test(value)
}

const mostCharacters = 1_048_576

/** As many rows as one statement should have, one at least. */
function portions(rows: readonly BuildRow[]): readonly (readonly BuildRow[])[] {
  const found: BuildRow[][] = []
  let characters = mostCharacters
  for (const row of rows) {
    characters += row.values.reduce<number>((sum, value) => sum + String(value).length, 0)
    if (characters > mostCharacters) {
      found.push([])
      characters = 0
    }
    found.at(-1)!.push(row)
  }
  return found
}

/** One column of rows as PostgreSQL reads a list of texts: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function listOf(rows: readonly (readonly SqlValue[])[], place: number): string {
  const elements = rows.map((row) => {
    const value = row[place]!
    return value === null ? 'NULL' : `"${String(value).replaceAll(/["\\]/g, '\\$&')}"`
  })
  return `{${elements.join(',')}}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The table as a value, for a function. */
function tableOf(name: string): string {
  return `'${quoted(name).replaceAll("'", "''")}'::regclass`
}
