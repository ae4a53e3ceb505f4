import { quoted } from '../capture/client.ts'
import type { Session } from '../capture/session.ts'
import type { CapturedTable } from '../capture/table.ts'

/** The highest value that a column's numbers have come to; of what counts downwards the lowest. */
export interface Reached {
  readonly column: string
  readonly value: string
}

const sequencesOfTable = `
  select a.attname, s.oid::regclass::text
    from pg_attribute a
    join pg_depend d on d.refobjid = a.attrelid and d.refobjsubid = a.attnum and d.refclassid = 'pg_class'::regclass
    join pg_class s on s.oid = d.objid and s.relkind = 'S' and d.classid = 'pg_class'::regclass
   where a.attrelid = $1
  union
  select a.attname, s.oid::regclass::text
    from pg_attribute a
    join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
    join pg_depend d on d.objid = f.oid and d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
    join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
   where a.attrelid = $1`

/** How far the sequences of a table have come, by column. */
export async function reachedNumbers(session: Session, table: CapturedTable): Promise<readonly Reached[]> {
  const reached: Reached[] = []
  for (const [column, sequence] of await session.rows(sequencesOfTable, [table.oid])) {
    const [row] = await session.rows(`select last_value from ${sequence} where is_called`)
    if (row) reached.push({ column: column!, value: row[0]! })
  }
  return reached
}

/**
 * Sets the sequences of a table so that the numbers which they give next were never given: neither by the sequences of the
 * other side nor to a row. A number that was given is never taken back, so nothing is lost where the transaction is.
 */
export async function advanceSequences(
  session: Session,
  table: CapturedTable,
  reached: readonly Reached[],
): Promise<void> {
  for (const [column, sequence] of await session.rows(sequencesOfTable, [table.oid])) {
    const others = reached.filter((each) => each.column === column).map(({ value }) => value)
    await session.rows(
      `select setval($1::text::regclass, chosen) from (
         select case when s.seqincrement > 0 then max(value) else min(value) end as chosen
           from pg_sequence s, lateral (
             select unnest($2::bigint[]) union all select last_value from ${sequence} where is_called
             union all ${lastRow(table, column!)}
           ) known (value)
          where s.seqrelid = $1::text::regclass and value between s.seqmin and s.seqmax group by s.seqincrement
       ) found where chosen is not null`,
      [sequence, others],
    )
  }
}

/** Of a column that holds the numbers themselves, and not a text that is made of them. */
function lastRow({ name, shape }: CapturedTable, column: string): string {
  const isNumber = shape.some((each) => each.name === column && /^(small|big)?int(eger)?$/.test(each.typeName))
  if (!isNumber) return 'select null::bigint'
  const extreme = (which: string): string => `(select ${which}(${quoted(column)})::bigint from ${name})`
  return `select case when s.seqincrement > 0 then ${extreme('max')} else ${extreme('min')} end`
}
