import {
  codeOf,
  literal,
  messageOf,
  quoted,
  refusal,
  type CapturePool,
  type ReplicationClient,
} from '../capture/client.ts'
import { parseLsn, type Lsn } from '../capture/lsn.ts'
import { read, run, type Session } from '../capture/session.ts'
import type { Role } from './states.ts'

/** One of the two databases, as somebody has it. */
export interface Place {
  /** A pool of `pg` on it; it stays its owner's to end. */
  readonly pool: CapturePool
  /** Makes a client of `pg` for one replication connection: `() => new Client({ connectionString, replication: 'database' })`. */
  readonly replication: () => ReplicationClient
  /** What people call it: `db.example/shop`. Writers that are refused are told. */
  readonly called: string
}

/** One of the two databases in the role that it has in an extraction. */
export interface Side extends Place {
  readonly role: Role
  /** Of the extraction. */
  readonly name: string
  /** Of the slot, and of the publication, by which its changes are read. */
  readonly slot: string
}

export interface Sides {
  readonly old: Side
  readonly new: Side
}

export function sideOf(place: Place, { role, name }: { readonly role: Role; readonly name: string }): Side {
  return { ...place, role, name, slot: role === 'old' ? `tidings_extract_${name}` : `tidings_extract_${name}_back` }
}

/** The setting by which a session says that it applies changes of this extraction. */
export const followerSetting = 'tidings.extract'

/** What an extraction keeps on a side. */
export interface SideRow {
  /** Which database the other side is. */
  readonly other: string
  /** The token under which writes are refused here; `undefined` where the side is open. */
  readonly guard: string | undefined
  /** Whether the guard has had its time, because what it was for should have been decided. */
  readonly isOverdue: boolean
  /** Up to where the other side's log was applied here. */
  readonly position: Lsn | undefined
  /** The newest mark of the other side's log that was applied here. */
  readonly drained: string | undefined
  /** Where this side's log stood when it was opened: what comes from there on was written by others than the follower. */
  readonly opened: Lsn | undefined
  /** What made the publication what it was when this side's log was begun to be kept. */
  readonly publication: string | undefined
}

const tables = `
  create table if not exists tidings.extraction_side (
    name text not null,
    role text not null,
    other text not null,
    guard text,
    guarded_until timestamptz,
    revoked text,
    position pg_lsn,
    drained text,
    opened pg_lsn,
    publication text,
    triggers jsonb not null default '[]',
    foreign_keys jsonb not null default '[]',
    made_schema boolean not null,
    primary key (name, role)
  );
  create or replace function tidings.refuse_extracted() returns trigger language plpgsql as $body$
  begin
    if current_setting('${followerSetting}', true) is distinct from tg_argv[0] then
      raise exception using errcode = 'read_only_sql_transaction', message = tg_argv[1], hint = tg_argv[2];
    end if;
    return null;
  end
  $body$`

const extractionTable = `
  create table if not exists tidings.extraction (
    name text primary key,
    version integer not null,
    state text not null,
    tables jsonb not null,
    token text,
    deadline timestamptz,
    compared timestamptz,
    problem text
  )`

/** Makes what an extraction keeps its progress in, where it is missing. */
export async function prepareSide(side: Side, other: string): Promise<void> {
  try {
    const [row] = await run(side.pool, "select to_regnamespace('tidings')")
    const makesSchema = row![0] === null
    if (makesSchema) await run(side.pool, 'create schema tidings')
    const [made] = await run(side.pool, "select to_regclass('tidings.extraction_side')")
    if (made![0] === null) await run(side.pool, tables)
    if (side.role === 'new') await run(side.pool, extractionTable)
    const [found] = await run(
      side.pool,
      `insert into tidings.extraction_side (name, role, other, made_schema) values ($1, $2, $3, $4)
         on conflict (name, role) do update set other = extraction_side.other returning other`,
      [side.name, side.role, other, makesSchema],
    )
    if (found![0] === other) return
  } catch (error) {
    if (codeOf(error) !== '42501') throw error
    const [row] = await run(side.pool, 'select current_user')
    const role = quoted(row![0]!)
    throw refusal(
      `The role of the ${side.role} database may not keep the state of the extraction in the schema tidings (${messageOf(error)}); run "create schema tidings authorization ${role}", or where the schema is there "grant usage, create on schema tidings to ${role}" and "grant select, insert, update, delete on all tables in schema tidings to ${role}".`,
      error,
    )
  }
  throw refusal(
    `The ${side.role} database has an extraction ${literal(side.name)} with another database already; choose another name for this one.`,
  )
}

const columns =
  'other, guard, position, drained, opened, publication, coalesce(guarded_until < clock_timestamp(), false)'

function rowOf([other, guard, position, drained, opened, publication, isOverdue]: readonly (string | null)[]): SideRow {
  return {
    other: other!,
    guard: guard ?? undefined,
    isOverdue: isOverdue === 't',
    position: position ? parseLsn(position) : undefined,
    drained: drained ?? undefined,
    opened: opened ? parseLsn(opened) : undefined,
    publication: publication ?? undefined,
  }
}

/** What stands there; `undefined` where nothing does. */
export async function loadSide(side: Side): Promise<SideRow | undefined> {
  try {
    const [row] = await read(side.pool, (session) =>
      session.rows(`select ${columns} from tidings.extraction_side where name = $1 and role = $2`, [
        side.name,
        side.role,
      ]),
    )
    return row && rowOf(row)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** The same inside of a transaction that holds it until its end; everybody takes it before any table. */
export async function lockSide(session: Session, side: Side): Promise<SideRow> {
  const [row] = await session.rows(
    `select ${columns} from tidings.extraction_side where name = $1 and role = $2 for update`,
    [side.name, side.role],
  )
  if (!row) throw new Error(`The ${side.role} database has no extraction ${side.name} any more.`)
  return rowOf(row)
}

/** Whether a statement failed because the table or the schema is not there. */
export function isAbsent(error: unknown): boolean {
  return ['42P01', '3F000'].includes(codeOf(error))
}

/** Which database this is, whatever the name by which it is reached. */
export async function identityOf(pool: CapturePool): Promise<string> {
  const [row] = await read(pool, (session) =>
    session.rows("select system_identifier || '/' || current_database() from pg_control_system()"),
  )
  return row![0]!
}
