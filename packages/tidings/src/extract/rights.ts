import { quoted, refusal } from '../capture/client.ts'
import { checkFollowing } from '../capture/followed-tables.ts'
import { checkServer } from '../capture/server.ts'
import { read } from '../capture/session.ts'
import { checkServer as checkDurability } from '../postgres/index.ts'
import { identityOf, type Side } from './side.ts'
import type { TableNames } from './store.ts'
import type { Sides } from './side.ts'

/** Refuses servers between which no extraction can go, with what to change. */
export async function checkServers(sides: Sides): Promise<void> {
  for (const side of [sides.old, sides.new]) {
    await naming(side, async () => {
      await checkServer(side.pool)
      await checkFollowing(side.pool)
      await checkDurability((text) =>
        read(side.pool, async (session) => {
          const [row] = await session.rows(`select to_jsonb(found) from (${text}) found`)
          return [JSON.parse(row![0]!) as Record<string, string | boolean | number>]
        }),
      )
    })
  }
  if ((await identityOf(sides.old.pool)) === (await identityOf(sides.new.pool))) {
    throw refusal('The old and the new database are the same one; give the address of the new one.')
  }
}

/** Says which of the two databases is meant. */
export async function naming<Result>(side: Side, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error) error.message = `The ${side.role} database (${side.called}): ${error.message}`
    throw error
  }
}

/**
 * Refuses roles that could not go the whole way. All of it is asked for at the beginning, so that the way back is not
 * found closed when it is needed.
 */
export async function checkRights(sides: Sides, tables: readonly TableNames[]): Promise<void> {
  for (const side of [sides.old, sides.new]) {
    await naming(side, async () => {
      await checkDatabase(side)
      for (const table of tables) await checkTable(side, table[side.role])
    })
  }
}

async function checkDatabase({ pool }: Side): Promise<void> {
  const [row] = await read(pool, (session) =>
    session.rows(
      `select has_database_privilege(current_database(), 'create'), current_user, current_database(),
              current_setting('session_replication_role'),
              (select has_schema_privilege(oid, 'usage') and has_schema_privilege(oid, 'create')
                 from pg_namespace where nspname = 'tidings')`,
    ),
  )
  const [mayCreate, role, database, replicationRole, mayKeep] = row!
  if (mayCreate !== 't') {
    throw refusal(
      `The role ${role} may not create a publication; run: grant create on database ${quoted(database!)} to ${quoted(role!)}`,
    )
  }
  if (mayKeep === 'f') {
    throw refusal(
      `The role ${role} may not keep its state in the schema tidings; run: grant usage, create on schema tidings to ${quoted(role!)}`,
    )
  }
  if (replicationRole !== 'origin') {
    throw refusal(`session_replication_role is ${replicationRole} for the role ${role}; set it to origin.`)
  }
}

/** What is no table is refused by whoever looks at it. */
async function checkTable({ pool }: Side, table: string): Promise<void> {
  const [row] = await read(pool, (session) =>
    session.rows(
      `select pg_has_role(current_user, c.relowner, 'usage'), current_user, pg_get_userbyid(c.relowner),
              has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update')
                and has_table_privilege(c.oid, 'delete') and has_table_privilege(c.oid, 'select'),
              (select string_agg(s.oid::regclass::text, ', ')
                 from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
                where d.refobjid = c.oid and d.classid = 'pg_class'::regclass
                  and not (has_sequence_privilege(s.oid, 'select') and has_sequence_privilege(s.oid, 'update'))),
              c.oid::regclass::text
         from pg_class c where c.oid = to_regclass($1)`,
      [table],
    ),
  )
  if (!row) return
  const [owns, role, owner, mayWrite, sequences, name] = row
  if (owns !== 't') {
    throw refusal(
      `Only the owner of ${name} can make it refuse writes, and the role ${role} does not act for it; run: grant ${quoted(owner!)} to ${quoted(role!)}`,
    )
  }
  if (mayWrite !== 't') {
    throw refusal(
      `The role ${role} may not read and write ${name}; run: grant select, insert, update, delete on ${name} to ${quoted(role!)}`,
    )
  }
  if (sequences !== null) {
    throw refusal(
      `The role ${role} may not read and set ${sequences}; run: grant select, update on sequence ${sequences} to ${quoted(role!)}`,
    )
  }
}
