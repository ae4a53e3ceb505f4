import { literal, quoted } from '../capture/client.ts'
import { formatLsn, parseLsn } from '../capture/lsn.ts'
import type { Session } from '../capture/session.ts'
import { followerSetting, lockSide, type Side } from './side.ts'

export interface Guarded {
  readonly side: Side
  /** The tables of this side, as statements have them. */
  readonly tables: readonly string[]
  /** What the other side is called. */
  readonly elsewhere: string
}

const trigger = 'tidings_extract'

/**
 * Makes this side refuse every write but the follower's, under this token, and writes the mark of this token into its log.
 * The lock waits for every transaction that has written one of the tables, and those that come after it meet the guard:
 * so whatever was ever committed there stands before the mark. Readers are not held up. It answers `false` where the
 * token was given up meanwhile. `untilMs` says how long it may take to decide what the guard is for.
 */
export async function guardSide(
  session: Session,
  guarded: Guarded,
  { token, untilMs }: { readonly token: string; readonly untilMs?: number },
): Promise<boolean> {
  const { side, tables } = guarded
  const [row] = await session.rows(
    `select guard, revoked is not distinct from $3 from tidings.extraction_side where name = $1 and role = $2 for update`,
    [side.name, side.role, token],
  )
  const [guard, isRevoked] = row!
  if (isRevoked === 't') return false
  if (guard === token) return true
  if (guard !== null) throw new Error(`The ${side.role} database is guarded under another token.`)
  await session.rows(`lock table ${tables.join(', ')} in share row exclusive mode`)
  for (const table of tables) await guardTable(session, guarded, table)
  const triggers = await disableTriggers(session, tables)
  const keys = side.role === 'new' ? await takeForeignKeys(session, tables) : []
  await session.rows(
    `update tidings.extraction_side
        set guard = $3, position = null, drained = null, opened = null, triggers = $4, foreign_keys = $5,
            guarded_until = clock_timestamp() + $6::double precision * interval '1 millisecond'
      where name = $1 and role = $2`,
    [side.name, side.role, token, JSON.stringify(triggers), JSON.stringify(keys), untilMs ?? null],
  )
  await writeMark(session, side, token)
  return true
}

/** Opens a side that is guarded under this token; answers whether it was. The token never guards again. */
export async function openSide(session: Session, { side, tables }: Guarded, token: string): Promise<boolean> {
  const { guard } = await lockSide(session, side)
  await session.rows('update tidings.extraction_side set revoked = $3 where name = $1 and role = $2', [
    side.name,
    side.role,
    token,
  ])
  if (guard !== token) return false
  await session.rows(`lock table ${tables.join(', ')} in share row exclusive mode`)
  const [row] = await session.rows(
    `select pg_current_wal_insert_lsn(), triggers, foreign_keys from tidings.extraction_side where name = $1 and role = $2`,
    [side.name, side.role],
  )
  const [opened, triggers, keys] = row!
  for (const table of tables) await session.rows(`alter table ${table} disable trigger ${trigger}`)
  for (const each of JSON.parse(triggers!) as readonly UserTrigger[]) {
    await session.rows(`alter table ${each.table} enable trigger ${quoted(each.name)}`)
  }
  for (const each of JSON.parse(keys!) as readonly ForeignKey[]) {
    await session.rows(`alter table ${each.table} add constraint ${quoted(each.name)} ${each.definition} not valid`)
  }
  await session.rows(
    `update tidings.extraction_side
        set guard = null, position = null, drained = null, opened = $3, triggers = '[]', foreign_keys = '[]'
      where name = $1 and role = $2`,
    [side.name, side.role, formatLsn(parseLsn(opened!))],
  )
  return true
}

/** Lets the session write where everybody else is refused, until its transaction ends. */
export async function actAsFollower(session: Session, { name }: Side): Promise<void> {
  await session.rows(`select set_config('${followerSetting}', $1, true)`, [name])
}

/** What marks in the log of this side begin with. */
export function markPrefix({ name }: Side): string {
  return `tidings.extract.${name}`
}

async function writeMark(session: Session, side: Side, token: string): Promise<void> {
  await session.rows('select pg_logical_emit_message(true, $1, $2)', [markPrefix(side), `mark ${token}`])
}

/** Disabled rather than dropped while it is not needed: to drop it would have to wait for every reader. */
async function guardTable(session: Session, { side, elsewhere }: Guarded, table: string): Promise<void> {
  const [found] = await session.rows('select 1 from pg_trigger where tgrelid = $1::regclass and tgname = $2', [
    table,
    trigger,
  ])
  if (!found) {
    const said =
      side.role === 'old'
        ? `${table} is not written in this database: its writers are moving, or have moved, to ${elsewhere}`
        : `${table} is not written in this database yet: its rows come from ${elsewhere} until its writers are switched`
    const hint = `This was done by "tidings extract" ${side.name}; "tidings extract status" says where it stands.`
    const values = [side.name, said, hint].map(literal).join(', ')
    await session.rows(
      `create trigger ${trigger} before insert or update or delete or truncate on ${table}
         for each statement execute function tidings.refuse_extracted(${values})`,
    )
  }
  // Whatever session_replication_role somebody has.
  await session.rows(`alter table ${table} enable always trigger ${trigger}`)
}

interface UserTrigger {
  readonly table: string
  readonly name: string
}

/**
 * What a follower applies has gone through the triggers of the other side, so that here they would do it twice; those that
 * are there for replication (`enable always`, `enable replica`) stay.
 */
async function disableTriggers(session: Session, tables: readonly string[]): Promise<readonly UserTrigger[]> {
  const all: UserTrigger[] = []
  for (const table of tables) {
    const rows = await session.rows(
      `select tgname from pg_trigger where tgrelid = $1::regclass and not tgisinternal and tgenabled = 'O' order by tgname`,
      [table],
    )
    for (const [name] of rows) {
      await session.rows(`alter table ${table} disable trigger ${quoted(name!)}`)
      all.push({ table, name: name! })
    }
  }
  return all
}

interface ForeignKey {
  readonly table: string
  readonly name: string
  readonly definition: string
}

/**
 * Foreign keys are put back when the side is opened. Until then its rows are those of the other side, whose own keys have
 * let them pass, in an order in which these need not hold after each statement.
 */
async function takeForeignKeys(session: Session, tables: readonly string[]): Promise<readonly ForeignKey[]> {
  const all: ForeignKey[] = []
  for (const table of tables) {
    const rows = await session.rows(
      `select conname, regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') from pg_constraint
        where conrelid = $1::regclass and contype = 'f' and conparentid = 0 order by conname`,
      [table],
    )
    for (const [name, definition] of rows) {
      await session.rows(`alter table ${table} drop constraint ${quoted(name!)}`)
      all.push({ table, name: name!, definition: definition! })
    }
  }
  return all
}

/** Checks the rows that were there before against the foreign keys that were put back; nobody is held up meanwhile. */
export async function validateForeignKeys(session: Session, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    const rows = await session.rows(
      `select conname from pg_constraint where conrelid = $1::regclass and contype = 'f' and not convalidated`,
      [table],
    )
    for (const [name] of rows) await session.rows(`alter table ${table} validate constraint ${quoted(name!)}`)
  }
}

/** Takes the guard away for good. */
export async function dropGuard(session: Session, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    const [found] = await session.rows('select 1 from pg_trigger where tgrelid = to_regclass($1) and tgname = $2', [
      table,
      trigger,
    ])
    if (found) await session.rows(`drop trigger ${trigger} on ${table}`)
  }
}
