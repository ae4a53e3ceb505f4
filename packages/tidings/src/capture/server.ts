import { codeOf, literal, messageOf, quoted, refusal, type CapturePool, type ReplicationClient } from './client.ts'
import { parseLsn, type Lsn } from './lsn.ts'
import { read, run } from './session.ts'
import type { CapturedTable } from './table.ts'

const oldest = 140_000

/** Refuses a server or a role with which nothing can be captured, with what to change. */
export async function checkServer(pool: CapturePool): Promise<void> {
  const [row] = await read(pool, (session) =>
    session.rows(
      `select current_setting('server_version_num')::integer, pg_is_in_recovery(), current_setting('wal_level'),
              current_setting('server_encoding'), r.rolname, r.rolreplication or r.rolsuper
         from pg_roles r where r.rolname = current_user`,
    ),
  )
  const [version, standby, walLevel, encoding, role, replicates] = row!
  if (Number(version) < oldest) {
    throw refusal(`PostgreSQL ${version} is too old to capture changes from; 14 or newer is needed.`)
  }
  if (standby === 't') {
    throw refusal('This PostgreSQL is a standby; connect to the primary (target_session_attrs=read-write).')
  }
  if (walLevel !== 'logical') {
    throw refusal(
      `This PostgreSQL does not write rows to its log (wal_level is ${walLevel}); run "alter system set wal_level = logical" and restart it.`,
    )
  }
  if (encoding !== 'UTF8') throw refusal(`The database has the encoding ${encoding}; Tidings needs UTF8.`)
  if (replicates !== 't') {
    throw refusal(`The role ${role} may not replicate; run "alter role ${quoted(role!)} replication".`)
  }
}

/** Opens a replication connection. */
export async function connectToReplicate(client: ReplicationClient): Promise<void> {
  try {
    await client.connect()
  } catch (error) {
    if (codeOf(error) !== '53300') throw error
    throw refusal(
      `This PostgreSQL has no room for another reader of its log (${messageOf(error)}); raise "max_wal_senders" or "max_connections" and restart it.`,
      error,
    )
  }
}

/** Names what makes this publication what it is: it changes when the table is taken out, put back, or a setting is changed. */
export async function readPublication(
  pool: CapturePool,
  publication: string,
  table: CapturedTable,
): Promise<string | undefined> {
  const [row] = await read(pool, (session) =>
    session.rows(
      `select p.oid || '.' || p.xmin, p.puballtables, p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate,
              (select r.oid || '.' || r.xmin from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = $2),
              (select coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs')
                 from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = $2)
         from pg_publication p where p.pubname = $1`,
      [publication, table.oid],
    ),
  )
  if (!row) return undefined
  const [mark, all, everyKind, member, limited] = row
  if (everyKind !== 't') {
    throw refusal(
      `The publication ${publication} leaves changes out; run "alter publication ${quoted(publication)} set (publish = 'insert, update, delete, truncate')".`,
    )
  }
  if (limited !== null) {
    throw refusal(
      `The publication ${publication} leaves rows or columns of ${table.name} out; run "alter publication ${quoted(publication)} set table ${table.name}".`,
    )
  }
  if (member === null && all !== 't') {
    throw refusal(
      `The publication ${publication} does not have ${table.name}; run "alter publication ${quoted(publication)} add table ${table.name}".`,
    )
  }
  return `${mark} ${member}`
}

/** Creates the publication where it is missing, and answers what makes it what it is. */
export async function ensurePublication(pool: CapturePool, name: string, table: CapturedTable): Promise<string> {
  const found = await readPublication(pool, name, table)
  if (found !== undefined) return found
  const statement = `create publication ${quoted(name)} for table ${table.name}`
  try {
    await run(pool, statement)
  } catch (error) {
    if (codeOf(error) !== '42501') throw error
    throw refusal(
      `The role of the pool may not create a publication (${messageOf(error)}); let the owner of ${table.name} run: ${statement}`,
      error,
    )
  }
  return (await readPublication(pool, name, table))!
}

/** What the server keeps for a reader of its log. */
export interface Slot {
  readonly confirmed: Lsn
  /** `lost` when the server has removed log that the slot needed. */
  readonly status: string
  /** Bytes of log that were written since what is confirmed, and that are kept because of the slot. */
  readonly lagBytes: number
  readonly retainedBytes: number
}

/** The slot of this name; `undefined` where there is none. One of somebody else is refused. */
export async function readSlot(pool: CapturePool, name: string): Promise<Slot | undefined> {
  const [row] = await read(pool, (session) =>
    session.rows(
      `select plugin, database = current_database(), confirmed_flush_lsn, wal_status,
              pg_current_wal_lsn() - confirmed_flush_lsn, pg_current_wal_lsn() - restart_lsn
         from pg_replication_slots where slot_name = $1`,
      [name],
    ),
  )
  if (!row) return undefined
  const [plugin, here, confirmed, status, lag, retained] = row
  if (plugin !== 'pgoutput' || here !== 't') {
    throw refusal(`The replication slot ${name} is somebody else's; give this capture another "name".`)
  }
  return {
    confirmed: parseLsn(confirmed ?? '0/0'),
    status: status ?? 'lost',
    lagBytes: Number(lag ?? 0),
    retainedBytes: Number(retained ?? 0),
  }
}

/** Creates the slot, which waits for the transactions that are open; answers from where on it has everything. */
export async function createSlot(pool: CapturePool, name: string): Promise<Lsn> {
  try {
    const [row] = await run(pool, "select lsn from pg_create_logical_replication_slot($1, 'pgoutput')", [name])
    return parseLsn(row![0]!)
  } catch (error) {
    throw explainedSlot(error)
  }
}

/** What the server says when it has no slot free, with what helps; any other error as it is. */
export function explainedSlot(error: unknown): unknown {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (codeOf(cause) !== '53400') return error
  return refusal(
    'This PostgreSQL has no replication slot free; raise "max_replication_slots" and restart it, or drop one that nobody needs ("select pg_drop_replication_slot(…)").',
    error,
  )
}

export async function dropSlot(pool: CapturePool, name: string): Promise<void> {
  await run(pool, 'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [name])
}

/** Writes a note into the log that comes back on the stream, in its place among the commits. */
export async function emitNote(pool: CapturePool, prefix: string, content: string): Promise<void> {
  await run(
    pool,
    `begin; set local synchronous_commit = local; select pg_logical_emit_message(true, ${literal(prefix)}, ${literal(content)}); commit`,
  )
}
