import { codeOf, quoted, refusal, type CapturePool } from './client.ts'
import { checkServer } from './server.ts'
import { read, run } from './session.ts'

/** Refuses a server or a role with which commits cannot be followed, with what to change. */
export async function checkFollowing(pool: CapturePool): Promise<void> {
  await checkServer(pool)
  const [row] = await read(pool, (session) => session.rows(`select current_setting('synchronous_standby_names')`))
  if (!/\*/.test(row![0]!)) return
  throw refusal(
    'Every reader of the log is a standby that commits wait for (synchronous_standby_names has "*"), and nobody is to wait for this one; name the standbys there.',
  )
}

interface Publication {
  readonly name: string
  readonly tables: readonly string[]
}

/**
 * Makes the publication where it is missing: of inserts only, so that no table needs a replica identity for it, and from
 * PostgreSQL 15 on of one narrow column, because nobody reads the rows.
 */
export async function ensureInsertsPublished(pool: CapturePool, publication: Publication): Promise<void> {
  if (await hasInserts(pool, publication)) return
  const { name, tables } = publication
  const [row] = await read(pool, (session) =>
    session.rows(
      `select string_agg(pg_catalog.format('%s%s', c.oid::regclass, case when s.version >= 150000 then narrow.list end), ', '),
              bool_and(pg_has_role(c.relowner, 'usage')) and has_database_privilege(current_database(), 'create'),
              current_user, quote_ident(current_database())
         from unnest($1::text[]) as t (name) join pg_class c on c.oid = t.name::regclass,
           (select current_setting('server_version_num')::integer as version) s,
           lateral (
             select (select ' (' || quote_ident(attname) || ')' from pg_attribute
                      where attrelid = c.oid and attnum > 0 and attlen > 0 and not attisdropped and attgenerated = ''
                      order by attnum limit 1) as list
           ) narrow`,
      [tables],
    ),
  )
  const [list, isAllowed, role, database] = row!
  const statement = `create publication ${quoted(name)} for table ${list} with (publish = 'insert')`
  if (isAllowed !== 't') {
    throw refusal(
      `The role ${role} may not create a publication in ${database} for tables of its own; run "grant create on database ${database} to" the owner of the tables, or let a superuser run: ${statement}`,
    )
  }
  await run(pool, statement).catch((error: unknown) => {
    // Another process was faster.
    if (!['42710', '23505'].includes(codeOf(error))) throw error
  })
}

/** Whether there is such a publication; one that has something else is refused. */
async function hasInserts(pool: CapturePool, { name, tables }: Publication): Promise<boolean> {
  const [row] = await read(pool, (session) =>
    session.rows(
      `select p.pubinsert and (p.puballtables or not exists (
                select from unnest($2::text[]) as t (name)
                where not exists (select from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = t.name::regclass)))
         from pg_publication p where p.pubname = $1`,
      [name, tables],
    ),
  )
  if (!row) return false
  if (row[0] === 't') return true
  throw refusal(
    `The publication ${name} does not have the inserts of ${tables.join(' and ')}; run "drop publication ${quoted(name)}", and it is made again.`,
  )
}
