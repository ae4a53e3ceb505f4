import type { OwnedRows } from '../../service/index.ts'
import { tags } from '../canonical.ts'
import { isNumber, momentText } from './columns.ts'
import { hashOfRow, type HashedColumn, type HashedTable } from './digests.ts'
import type { KeyColumn, Run } from './keys.ts'

/** A column as a service publishes it that changes nothing, and the rows of which SQL cannot say that. */
interface StoredColumn extends HashedColumn {
  readonly unhashed?: string
}

export interface StoredTable {
  readonly owned: OwnedRows
  /** As statements have it. */
  readonly table: string
  readonly key: KeyColumn
  /** The properties to compare beside the key. */
  readonly columns: readonly string[]
}

const integers = new Set(['int2', 'int4', 'int8'])
const floats = new Set(['float4', 'float8'])
const keys = new Set(['int2', 'int4', 'int8', 'text', 'varchar', 'uuid'])

/**
 * How PostgreSQL hashes the rows of a table as a service publishes them whose schema changes nothing: with what
 * `service/columns.ts` makes of each column. `undefined` where SQL cannot make that.
 */
export async function storedTable(run: Run, stored: StoredTable): Promise<HashedTable | undefined> {
  const { owned, table, key, columns } = stored
  const forms = await formsOf(run, table)
  const hasPlainTimes = await writesPlainTimes(run)
  const hashed = (property: string, name: string): StoredColumn | undefined => {
    const form = forms.get(name)
    // What the table does not have is not published.
    if (form === undefined) return { text: 'null', tag: String(tags.absent) }
    if ((form === 'timestamp' || form === 'timestamptz') && !hasPlainTimes) return undefined
    return storedColumn(`r."${name.replaceAll('"', '""')}"`, form, owned.typesOf(property))
  }
  const found = columns.map((property) => hashed(property, property))
  const keyColumn = keys.has(forms.get(owned.keyColumn) ?? '') && hashed(owned.entity.key, owned.keyColumn)
  const known = found.filter((each) => each !== undefined)
  if (!keyColumn || known.length < found.length) return undefined
  const unhashed = known.flatMap((column) => column.unhashed ?? [])
  return {
    table,
    key,
    hash: hashOfRow(key, keyColumn.tag, known),
    ...(unhashed.length > 0 && { unhashed: `coalesce(${unhashed.join(' or ')}, false)` }),
  }
}

function storedColumn(column: string, form: string, types: ReadonlySet<string> | undefined): StoredColumn | undefined {
  const nothing = types === undefined || types.has('null') ? tags.null : tags.absent
  const of = (text: string, tag: number, unhashed?: string): StoredColumn => ({
    text,
    tag: `case when ${column} is null then ${nothing} else ${tag} end`,
    ...(unhashed !== undefined && { unhashed }),
  })
  if (form === 'bool') return of(`${column}::text`, tags.boolean)
  const isNumeric = integers.has(form) || floats.has(form)
  // 0 and 1 may stand for a boolean.
  if (isNumeric && types?.has('boolean')) return undefined
  if (integers.has(form)) return of(`${column}::text`, tags.number)
  // By way of numeric there is no exponent.
  if (floats.has(form)) return of(`${column}::text::numeric::text`, tags.number, `not (${isNumber(column)})`)
  const isText = types === undefined || types.has('string')
  if (form === 'numeric' && !isText && (types.has('number') || types.has('integer'))) {
    // A number of JavaScript holds so many digits.
    const isLong = `length(ltrim(translate(${column}::text, '-.', ''), '0')) > 15`
    return of(`trim_scale(${column})::text`, tags.number, `not (${isNumber(column)}) or ${isLong}`)
  }
  if (form === 'bytea' || (!isText && ['number', 'integer', 'object', 'array'].some((type) => types.has(type)))) {
    return undefined
  }
  if (form === 'timestamp' || form === 'timestamptz') return of(momentText(column, form), tags.text)
  // What PostgreSQL writes, which casts of some types are not.
  return of(form === 'text' || form === 'varchar' ? column : `concat(${column})`, tags.text)
}

/** The names of the types of a table's columns, by column. */
async function formsOf(run: Run, table: string): Promise<ReadonlyMap<string, string>> {
  const rows = await run(
    `select a.attname as name, case when t.typbasetype = 0 then t.typname else b.typname end as form
       from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype
      where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`,
    [table],
  )
  return new Map(rows.map(([name, form]) => [name!, form!]))
}

/** Whether sessions write moments in UTC and in the ISO style, from which `postgres/results.ts` makes RFC 3339. */
async function writesPlainTimes(run: Run): Promise<boolean> {
  const [row] = await run(`select current_setting('timezone') as zone, current_setting('datestyle') as style`, [])
  const [zone, style] = row ?? []
  return ['UTC', 'Etc/UTC', 'GMT'].includes(zone ?? '') && style?.startsWith('ISO') === true
}
