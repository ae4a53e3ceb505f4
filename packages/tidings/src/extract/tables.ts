import { ColumnTypes } from '../capture/column-types.ts'
import { quoted, refusal } from '../capture/client.ts'
import { read } from '../capture/session.ts'
import { inspectTable, type CapturedTable } from '../capture/table.ts'
import { naming } from './rights.ts'
import type { Side, Sides } from './side.ts'
import type { Role } from './states.ts'
import type { TableNames } from './store.ts'

/** One table as it is on both sides. */
export interface TablePair {
  readonly old: SideTable
  readonly new: SideTable
}

/** A table of one side. */
export interface SideTable extends CapturedTable {
  /** Columns that may be given with a new row and never changed (`generated always as identity`). */
  readonly fixed: readonly string[]
}

/** Looks at the tables on both sides, and refuses those whose rows cannot go both ways. */
export async function inspectPairs(sides: Sides, names: readonly TableNames[]): Promise<readonly TablePair[]> {
  const types = { old: new ColumnTypes(sides.old.pool), new: new ColumnTypes(sides.new.pool) }
  const inspect = (role: Role, table: string): Promise<SideTable> =>
    naming(sides[role], async () => {
      const { pool } = sides[role]
      const found = await inspectTable({ pool, types: types[role], table, columns: undefined, keyProperty: '' })
      return { ...found, fixed: await fixedColumns(sides[role], found) }
    })
  const pairs: TablePair[] = []
  for (const name of names) {
    const pair = { old: await inspect('old', name.old), new: await inspectNew(inspect, name, sides) }
    if (pair.old.unmapped.length > 0) {
      throw refusal(`${pair.old.name} has columns of types that cannot be compared: ${pair.old.unmapped.join(', ')}.`)
    }
    checkKeys(pair)
    await checkColumns(pair, sides)
    pairs.push(pair)
  }
  return pairs
}

async function inspectNew(
  inspect: (role: Role, table: string) => Promise<SideTable>,
  { new: name }: TableNames,
  sides: Sides,
): Promise<SideTable> {
  const [row] = await read(sides.new.pool, (session) => session.rows('select to_regclass($1)', [name]))
  if (row![0] !== null) return inspect('new', name)
  throw refusal(
    `There is no table ${name} in the new database (${sides.new.called}). Create it there first, with the columns, the key and the constraints of the old one; "pg_dump --schema-only --table …" prints them.`,
  )
}

async function fixedColumns({ pool }: Side, { oid }: CapturedTable): Promise<readonly string[]> {
  const rows = await read(pool, (session) =>
    session.rows(`select attname from pg_attribute where attrelid = $1 and attidentity = 'a'`, [oid]),
  )
  return rows.map(([name]) => name!)
}

function checkKeys({ old, new: present }: TablePair): void {
  const [before, after] = [old, present].map(({ key }) => key.map(({ name }) => name).join(', '))
  if (before === after) return
  throw refusal(
    `The key of ${old.name} is (${before}) in the old database and (${after}) in the new one; rows are found by it on both sides, so it has to be the same.`,
  )
}

async function checkColumns({ old, new: present }: TablePair, sides: Sides): Promise<void> {
  for (const column of old.shape) {
    const other = present.shape.find(({ name }) => name === column.name)
    if (!other) {
      throw refusal(
        `The new ${present.name} has no column ${quoted(column.name)} that can be written; run there: alter table ${present.name} add column ${quoted(column.name)} ${column.typeName}`,
      )
    }
    if (other.typeName !== column.typeName) {
      throw refusal(
        `The column ${quoted(column.name)} of ${old.name} is ${column.typeName} in the old database and ${other.typeName} in the new one; values go both ways, so the type has to be the same: alter table ${present.name} alter column ${quoted(column.name)} type ${column.typeName}`,
      )
    }
  }
  const added = present.shape.filter(({ name }) => !old.shape.some((column) => column.name === name))
  for (const { name } of added) await checkAdded(present, name, sides.new)
}

/** A column that only the new table has must be able to do without a value. */
async function checkAdded(table: CapturedTable, column: string, { pool }: Side): Promise<void> {
  const [row] = await read(pool, (session) =>
    session.rows(
      `select attnotnull and not atthasdef and attidentity = '' from pg_attribute where attrelid = $1 and attname = $2`,
      [table.oid, column],
    ),
  )
  if (row![0] !== 't') return
  throw refusal(
    `The old database has no column ${quoted(column)} of ${table.name}, and the new one wants a value for it; run there: alter table ${table.name} alter column ${quoted(column)} drop not null`,
  )
}

/** What the old table refuses and the new one would take, in words; such a row would stop the way back. */
export async function looserConstraints(sides: Sides, pairs: readonly TablePair[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const pair of pairs) {
    const present = new Set(await constraintsOf(sides.new, pair.new, pairs))
    const before = await constraintsOf(sides.old, pair.old, pairs)
    found.push(...before.filter((text) => !present.has(text)).map((text) => `${pair.old.name}: ${text}`))
  }
  return found
}

const constraints = `
  select 'not null ' || quote_ident(attname), null::oid from pg_attribute
   where attrelid = $1 and attnum > 0 and not attisdropped and attnotnull
  union all
  select pg_get_constraintdef(oid), null from pg_constraint where conrelid = $1 and contype in ('c', 'x')
  union all
  select case when i.indisunique then 'unique' end
         || (select string_agg(' ' || pg_get_indexdef(i.indexrelid, part, true), ',' order by part)
               from generate_series(1, i.indnkeyatts) part)
         || coalesce(' where ' || pg_get_expr(i.indpred, i.indrelid), ''), null
    from pg_index i where i.indrelid = $1 and i.indisunique
  union all
  select regexp_replace(pg_get_constraintdef(oid), ' REFERENCES .*\\(', ' REFERENCES ('), confrelid from pg_constraint
   where conrelid = $1 and contype = 'f'`

async function constraintsOf(
  side: Side,
  table: CapturedTable,
  pairs: readonly TablePair[],
): Promise<readonly string[]> {
  const rows = await read(side.pool, (session) => session.rows(constraints, [table.oid]))
  return rows.map(([text, referenced]) => {
    if (referenced === null) return text!
    const place = pairs.findIndex((pair) => pair[side.role].oid === Number(referenced))
    // Named as the old database has it, whichever side it is said of; others are not here at all.
    return `${text} of ${place < 0 ? 'a table that stays' : pairs[place]!.old.name}`
  })
}
