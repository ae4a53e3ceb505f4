import { literal, quoted, refusal, type CapturePool } from './client.ts'
import type { ColumnTypes } from './column-types.ts'
import type { Relation } from './pgoutput.ts'
import { RowForm } from './row-form.ts'
import { read, type Session } from './session.ts'

/** The table that is captured, as it was when it was looked at. */
export interface CapturedTable extends FoundTable {
  /** Turns rows of `shape` into events. */
  readonly form: RowForm
  /** Columns that should be published and whose types have no form in JSON. */
  readonly unmapped: readonly string[]
}

interface FoundTable {
  readonly oid: number
  /** Its name with its schema, as statements have it. */
  readonly name: string
  /** The columns that are its key, in the key's order. */
  readonly key: readonly Column[]
  /** What is read of it: the columns to publish and the key, without those that the log does not have. */
  readonly shape: readonly Column[]
  /** The names of all columns that the log has. */
  readonly logged: readonly string[]
}

interface Column {
  readonly name: string
  readonly type: number
  /** As statements have it. */
  readonly typeName: string
}

export interface TableOptions {
  readonly pool: CapturePool
  readonly types: ColumnTypes
  readonly table: string
  /** The columns to publish; all where it is absent. */
  readonly columns: readonly string[] | undefined
  readonly keyProperty: string
}

/** Looks at the table and refuses one that cannot be captured, with the statement that helps. */
export async function inspectTable(options: TableOptions): Promise<CapturedTable> {
  const found = await read(options.pool, (session) => findTable(session, options))
  const form = await formOf(options, found.shape, found.key)
  const unusable = found.key.find(({ type }) => !form.types.get(type)?.key)
  if (unusable) {
    throw refusal(
      `The column ${unusable.name} of ${found.name} has the type ${unusable.typeName}, which cannot be a key; choose another replica identity.`,
    )
  }
  return { ...found, ...form }
}

/** Refuses a table with columns that should be published and cannot be. */
export function refuseUnmapped({ name, unmapped }: CapturedTable): void {
  if (unmapped.length === 0) return
  throw refusal(`${name} has columns without a form in JSON: ${unmapped.join(', ')}; leave them out with "columns".`)
}

/** How rows are turned into events whose columns the log describes. */
export function formOfRelation(
  options: TableOptions,
  relation: Relation,
  key: readonly Pick<Column, 'name'>[],
): Promise<Pick<CapturedTable, 'form' | 'unmapped'>> {
  return formOf(options, relation.columns, key)
}

async function formOf(
  { types, columns: wanted, keyProperty }: TableOptions,
  columns: readonly { readonly name: string; readonly type: number }[],
  key: readonly { readonly name: string }[],
): Promise<Pick<CapturedTable, 'form' | 'unmapped'> & { readonly types: Awaited<ReturnType<ColumnTypes['load']>> }> {
  const loaded = await types.load(columns.map(({ type }) => type))
  const formed = columns.map(({ name, type }) => ({
    name,
    type: loaded.get(type),
    published: wanted?.includes(name) ?? true,
  }))
  const unmapped = columns
    .filter((_, place) => formed[place]!.published && !formed[place]!.type)
    .map(({ name, type }) => `${name} (${types.nameOf(type)})`)
  const form = new RowForm({ columns: formed, key: key.map(({ name }) => name), keyProperty })
  return { form, unmapped, types: loaded }
}

async function findTable(session: Session, options: TableOptions): Promise<FoundTable> {
  const { columns: wanted, keyProperty } = options
  const { oid, name, identity } = await findRelation(session, options.table)
  const columns = await readColumns(session, oid)
  const names = await readKey(session, { oid, name, identity })
  const key = names.map((each) => columns.find((column) => column.name === each)!)
  for (const column of wanted ?? []) {
    const found = columns.find((each) => each.name === column)
    if (!found) throw refusal(`${name} has no column ${literal(column)}; correct "columns".`)
    if (found.generated) {
      throw refusal(
        `The log does not have the generated column ${literal(column)} of ${name}; leave it out of "columns".`,
      )
    }
  }
  const computed = key.find(({ generated }) => generated)
  if (computed) {
    throw refusal(
      `The log does not have the generated column ${literal(computed.name)} of ${name}, which is part of its key; choose another replica identity.`,
    )
  }
  const shape = columns.filter(
    (column) => !column.generated && ((wanted?.includes(column.name) ?? true) || names.includes(column.name)),
  )
  const unreadable = shape.filter(({ readable }) => !readable)
  if (unreadable.length > 0) {
    const list = unreadable.map((column) => column.name).join(', ')
    throw refusal(`The role of the pool may not read ${list} of ${name}; run "grant select on ${name} to …".`)
  }
  const isPublished = shape.some((column) => column.name === keyProperty && (wanted?.includes(keyProperty) ?? true))
  if (isPublished && (names.length !== 1 || names[0] !== keyProperty)) {
    throw refusal(
      `The key of the entity is "${keyProperty}", which is a column of ${name} but not its key (${names.join(', ')}); give the entity another key, or leave the column out with "columns".`,
    )
  }
  return { oid, name, key, shape, logged: columns.filter(({ generated }) => !generated).map((column) => column.name) }
}

interface FoundRelation {
  readonly oid: number
  readonly name: string
  readonly identity: string
}

async function findRelation(session: Session, table: string): Promise<FoundRelation> {
  const [row] = await session.rows(
    `select c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident, c.relispartition,
            row_security_active(c.oid)
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`,
    [table],
  )
  if (!row) throw refusal(`There is no table ${table} in this database; write it as schema.table, quoted as in SQL.`)
  const [oid, schema, name, kind, persistence, identity, isPartition, secured] = row
  const full = `${quoted(schema!)}.${quoted(name!)}`
  if (kind !== 'r' || isPartition === 't') {
    throw refusal(
      `${full} is no table of its own (a view, a foreign or partitioned table, a partition), which cannot be captured.`,
    )
  }
  if (persistence !== 'p') {
    throw refusal(`${full} is not in the log of PostgreSQL; run "alter table ${full} set logged".`)
  }
  if (secured === 't') {
    throw refusal(
      `Row security hides rows of ${full} from the role of the pool, which would count as deleted; run "alter role … bypassrls".`,
    )
  }
  return { oid: Number(oid), name: full, identity: identity! }
}

async function readColumns(
  session: Session,
  table: number,
): Promise<readonly (Column & { readonly generated: boolean; readonly readable: boolean })[]> {
  const rows = await session.rows(
    `select attname, atttypid, format_type(atttypid, atttypmod), attgenerated <> '',
            has_column_privilege(attrelid, attnum, 'select')
       from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped order by attnum`,
    [table],
  )
  return rows.map(([name, type, typeName, generated, readable]) => ({
    name: name!,
    type: Number(type),
    typeName: typeName!,
    generated: generated === 't',
    // Absent for a column that is being dropped while it is looked at.
    readable: readable !== 'f',
  }))
}

/** The columns by which the log names rows that are changed or deleted. */
async function readKey(session: Session, { oid, name, identity }: FoundRelation): Promise<readonly string[]> {
  if (identity === 'n') {
    throw refusal(
      `The log does not say which rows of ${name} are changed or deleted (replica identity nothing); run "alter table ${name} replica identity default".`,
    )
  }
  const which = identity === 'i' ? 'indisreplident' : 'indisprimary'
  const rows = await session.rows(
    `select a.attname, i.indimmediate
       from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as part (attnum, place)
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = part.attnum
      where i.indrelid = $1 and i.${which} and part.place <= i.indnkeyatts order by part.place`,
    [oid],
  )
  if (rows.length === 0) {
    throw refusal(
      `${name} has no key; run "alter table ${name} add primary key (…)", or "create unique index … on ${name} (…)" over columns that are not null and "alter table ${name} replica identity using index …".`,
    )
  }
  if (rows.some(([, immediate]) => immediate !== 't')) {
    throw refusal(
      `The primary key of ${name} is deferrable, so that two rows may have it for a while; create it without "deferrable", or run "alter table ${name} replica identity using index …" with another unique index.`,
    )
  }
  return rows.map(([column]) => column!)
}

/** The columns of a row that is read, as a list for a statement. */
export function selection({ shape }: Pick<CapturedTable, 'shape'>, alias: string): string {
  return shape.map(({ name }) => `${alias}.${quoted(name)}`).join(', ')
}
