import { formatExactJson, parseExactJson } from '../contract/index.ts'
import type { SqlValue } from '../database/index.ts'
import type { BuildRow, BuildStatements, Encoding, ReplicaStatements, TableSwitch } from './tables.ts'

export { migrations } from './postgres-migrations.ts'

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
  forgetUnread: (read, { name, number }) => [
    {
      text: `
        delete from tidings.replica_unread u using unnest($3::text[], $4::text[]) as read (key, version)
        where u.name = $1 and u.build = $2 and u.key = convert_to(read.key, 'UTF8') and u.version <= read.version
        returning u.version`,
      values: [name, number, listOf(read.map(({ key }) => key)), listOf(read.map(({ version }) => version))],
    },
  ],
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
  const remove = `
    with gone (key, version, number) as (select * from unnest($3::text[], $4::text[], $5::text[])), removed as (
      delete from ${quoted(table)} copied using gone
      where copied.${key} = gone.key and copied.tidings_version < gone.version)
    insert into tidings.replica_tombstones as kept (name, build, key, version, number)
    select $1::text, $2::bigint, convert_to(key, 'UTF8'), version, number::bigint from gone
    on conflict (name, build, key) do update set version = excluded.version, number = excluded.number
    where excluded.version > kept.version`
  return {
    upsert: (rows, build) =>
      portions(rows).map((portion) => {
        const lists = portion.map(({ values, version: text, encoded }) => [...values, text, encoded])
        const columnsOfRows = fields.map((_, place) => listOf(lists.map((row) => row[place]!)))
        return { text: upsert, values: [...columnsOfRows, build.name, build.number] }
      }),
    remove: (deletions, build) => [
      {
        text: remove,
        values: [
          build.name,
          build.number,
          listOf(deletions.map((deletion) => deletion.key)),
          listOf(deletions.map((deletion) => deletion.version)),
          listOf(deletions.map((deletion) => deletion.number)),
        ],
      },
    ],
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

/** A list of texts as PostgreSQL reads it: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function listOf(values: readonly SqlValue[]): string {
  const elements = values.map((value) => (value === null ? 'NULL' : `"${String(value).replaceAll(/["\\]/g, '\\$&')}"`))
  return `{${elements.join(',')}}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The table as a value, for a function. */
function tableOf(name: string): string {
  return `'${quoted(name).replaceAll("'", "''")}'::regclass`
}
