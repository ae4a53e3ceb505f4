import type { SqlRow, SqlValue } from '../../../database/index.ts'
import { TidingsError } from '../../../errors.ts'
import { resultTypes } from '../../../postgres/index.ts'
import { askWhetherInTransaction, Connection } from '../connection.ts'
import { dialect } from '../dialect.ts'
import type { BoundValue } from '../values.ts'

/** Any client inside of a transaction that it has begun: what answers rows, or an object with `rows`. */
export interface PostgresHandle {
  query(text: string, values: unknown[]): PromiseLike<unknown>
}

/** The connection of a handle that says nothing about itself; refused where it does not answer as it must. */
export async function joinForeign(handle: unknown): Promise<Connection> {
  const { query } = (handle ?? {}) as Partial<PostgresHandle>
  if (typeof query !== 'function') throw noHandle('it is no client of PostgreSQL and has no query(text, values)')
  const connection = new ForeignConnection(handle as PostgresHandle)
  await connection.ensureInTransaction()
  const [answer] = await connection.run('select 1::integer as joined', [])
  if (answer?.['joined'] !== 1) throw noHandle('its query(text, values) answers neither rows nor an object with "rows"')
  return connection
}

/** A client with parsers of its own, which have changed values when they come here, and which knows no state. */
class ForeignConnection extends Connection {
  readonly #handle: PostgresHandle

  constructor(handle: PostgresHandle) {
    super()
    this.#handle = handle
  }

  async ensureInTransaction(): Promise<void> {
    await askWhetherInTransaction(async (text) => await this.#handle.query(text, []))
  }

  protected async ask(text: string, values: BoundValue[]): Promise<SqlRow[]> {
    return rowsOf(await this.#handle.query(text, values)).map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, toValue(value)])),
    )
  }

  /** Has the server write each value as a text, which no parser changes, and reads those texts itself. */
  override async readRow(table: string, column: string, value: SqlValue): Promise<SqlRow | undefined> {
    const columns = (await this.run(columnsStatement, [dialect.identifier(table)])) as { name: string; type: number }[]
    const texts = columns.map(({ name }, index) => textOf(`tidings_row.${dialect.identifier(name)}`, `c${index}`))
    const [row] = await this.run(
      `select ${texts.join(', ')} from ${dialect.identifier(table)} tidings_row
       where ${dialect.identifier(column)} = ${dialect.placeholder(1)}`,
      [value],
    )
    if (!row) return undefined
    return Object.fromEntries(
      columns.map(({ name, type }, index) => {
        const text = row[`c${index}`]
        return [name, typeof text === 'string' ? resultTypes.getTypeParser(type)(text) : null]
      }),
    )
  }
}

/** The columns of a table with their types, those of domains followed to what they stand for. */
const columnsStatement = `
  with recursive column_type (number, name, type) as (
    select attnum, attname::text, atttypid from pg_catalog.pg_attribute
    where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
    union all
    select number, name, typbasetype from column_type join pg_catalog.pg_type on oid = type where typtype = 'd'
  )
  select name, type::bigint::float8 as type from column_type join pg_catalog.pg_type on oid = type
  where typtype <> 'd' order by number`

/** A value as the server would write it into an answer. Composite values are NULL only where they are so themselves. */
function textOf(value: string, name: string): string {
  return `case when ${value} is distinct from null then format('%s', ${value}) end as ${name}`
}

function rowsOf(answer: unknown): readonly Readonly<Record<string, unknown>>[] {
  const rows: unknown = Array.isArray(answer) ? answer : (answer as { readonly rows?: unknown } | undefined)?.rows
  return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
}

/** What a value can be again of what clients make of it. */
function toValue(value: unknown): SqlValue {
  if (value === undefined || value === null) return null
  if (value instanceof Uint8Array) return new Uint8Array(value.buffer, value.byteOffset, value.length)
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  return typeof value === 'object' ? JSON.stringify(value) : (value as SqlValue)
}

function noHandle(reason: string): TidingsError {
  return new TidingsError('transaction-misuse', `This transaction cannot be joined: ${reason}.`)
}
