import { codeOf, quoted, type CapturePool } from '../capture/client.ts'
import { ColumnTypes, type ColumnType } from '../capture/column-types.ts'
import { read, type Session, type TextRow } from '../capture/session.ts'
import { inspectTable, refuseUnmapped, selection, type CapturedTable } from '../capture/table.ts'
import { parseExactJson } from '../contract/index.ts'
import { tags } from './canonical.ts'
import { PageSize } from './page-size.ts'
import { hashedColumn, hashedText, tagOfForm } from './postgres/columns.ts'
import { canHash, hashOfRow, PostgresDigests } from './postgres/digests.ts'
import { binding, textKey, typedKey, type KeyColumn, type Run } from './postgres/keys.ts'
import { readingRunOnPool } from './postgres/reader.ts'
import { RowsSide, type KeyedRow, type RowReader } from './rows-side.ts'
import type { KeyRange, Side } from './side.ts'

export interface OpenTableOptions {
  /** A pool of `pg` on its database; it stays its owner's to end. */
  readonly pool: CapturePool
  /** The table, as SQL has it: `public.customer`. */
  readonly table: string
  /** The property that is the entity's key, and the columns to compare beside it. */
  readonly key: string
  readonly columns: readonly string[]
  /** For how long the database may work on the digests of one range; what takes longer is refused as `range-too-large`. */
  readonly limitMs?: number
}

/**
 * Opens a table of PostgreSQL as the system of record of a comparison: its rows as a capture publishes them. The database
 * makes the digests itself, unless a column is of JSON or a list.
 */
export async function openTable(options: OpenTableOptions): Promise<Side> {
  const { pool, table: name, key, columns, limitMs } = options
  const limit = limitMs === undefined ? {} : { limitMs }
  const types = new ColumnTypes(pool)
  const table = await inspectTable({ pool, types, table: name, columns, keyProperty: key })
  refuseUnmapped(table)
  const loaded = await types.load([...table.key, ...table.shape].map(({ type }) => type))
  const typed: TypedTable = { table, typeOf: (type) => loaded.get(type)! }
  const run: Run = (text, values) => read(pool, (session) => session.rows(text, values))
  const keyColumn = await keyColumnOf(run, typed)
  const rows = new RowsSide(new TableRows({ pool, ...typed, key, columns, keyColumn }), limit)
  const hashed = columns.map((column) => {
    const found = table.shape.find((each) => each.name === column)!
    return hashedColumn(`r.${quoted(column)}`, typed.typeOf(found.type))
  })
  if (hashed.includes(undefined) || !(await canHash(run))) return rows
  const digests = new PostgresDigests(
    readingRunOnPool(pool, limit),
    {
      table: table.name,
      key: keyColumn,
      hash: hashOfRow(
        keyColumn,
        keyTagOf(typed),
        hashed.filter((each) => each !== undefined),
      ),
    },
    rows,
  )
  return {
    digests: (range, cut) => digests.digests(range, cut),
    hashes: (range, limit) => digests.hashes(range, limit),
    find: (keys) => rows.find(keys),
  }
}

interface TypedTable {
  readonly table: CapturedTable
  readonly typeOf: (type: number) => ColumnType
}

/** The key as SQL has it: by its own index where its order is that of the texts, or of integers. */
async function keyColumnOf(run: Run, { table, typeOf }: TypedTable): Promise<KeyColumn> {
  const texts = table.key.map(({ name, type }) => hashedText(`r.${quoted(name)}`, typeOf(type).form)!)
  const [only, ...others] = table.key
  if (!only || others.length > 0) {
    return textKey({
      text: `'[' || ${texts.map((text) => `to_json((${text})::text)::text`).join(` || ',' || `)} || ']'`,
    })
  }
  const { form } = typeOf(only.type)
  return typedKey(run, { table: table.name, name: only.name, form, text: texts[0]! })
}

function keyTagOf({ table, typeOf }: TypedTable): string {
  const [only, ...others] = table.key
  if (!only || others.length > 0) return String(tags.text)
  return tagOfForm(`r.${quoted(only.name)}`, typeOf(only.type).form)
}

interface TableRowsOptions extends TypedTable {
  readonly pool: CapturePool
  readonly key: string
  readonly columns: readonly string[]
  readonly keyColumn: KeyColumn
}

/** The rows of a table as a capture publishes them. */
class TableRows implements RowReader {
  readonly key: string
  readonly columns: readonly string[]
  readonly #options: TableRowsOptions
  readonly #decoder = new TextDecoder()
  /** Which parts of the key are bytes, whose text in a key is another one than in SQL. */
  readonly #areBytes: readonly boolean[]

  constructor(options: TableRowsOptions) {
    this.key = options.key
    this.columns = options.columns
    this.#options = options
    this.#areBytes = options.table.key.map(({ type }) => options.typeOf(type).form === 'bytea')
  }

  end(range: KeyRange, rows: number): Promise<string | undefined> {
    const { pool, table, keyColumn } = this.#options
    const run: Run = (text, values) => read(pool, (session) => session.rows(text, values))
    return keyColumn.end(run, table.name, range, rows)
  }

  async *pages(range: KeyRange): AsyncGenerator<readonly KeyedRow[]> {
    const { pool, table, keyColumn } = this.#options
    const size = new PageSize()
    const key = table.key.map(({ name }) => `r.${quoted(name)}`).join(', ')
    for (let after: readonly string[] | undefined; ;) {
      const { values, bind } = binding()
      const conditions = [keyColumn.within(range, bind)]
      if (after) {
        const places = table.key.map(({ typeName }, place) => `${bind(after![place]!)}::text::${typeName}`)
        conditions.push(`(${key}) > (${places.join(', ')})`)
      }
      const condition = `where ${conditions.join(' and ')} order by ${key} limit ${size.rows}`
      const rows = await read(pool, (session) => this.#select(session, condition, values))
      const last = rows.at(-1)
      if (!last) return
      yield rows.map((row) => this.#row(row))
      size.adapt(rows)
      after = table.form.keyTexts(last)
    }
  }

  async find(keys: readonly string[]): Promise<readonly KeyedRow[]> {
    const wanted = new Set(keys)
    const rows = await this.#lookUp(keys.flatMap((key) => this.#partsOf(key) ?? []))
    // A text may be read as the value of another key: 07 as 7.
    return rows.map((row) => this.#row(row)).filter(({ key }) => wanted.has(key))
  }

  /** Among the keys of a damaged copy may be some that are no values of the type. */
  async #lookUp(keys: readonly (readonly string[])[]): Promise<readonly TextRow[]> {
    if (keys.length === 0) return []
    const { pool, table } = this.#options
    const wanted = table.key.map((_, place) => `$${place + 1}::text[]`).join(', ')
    const names = table.key.map((_, place) => `part${place}`).join(', ')
    const equal = table.key.map(({ name, typeName }, place) => `r.${quoted(name)} = w.part${place}::${typeName}`)
    try {
      return await read(pool, (session) =>
        this.#select(
          session,
          `join unnest(${wanted}) as w (${names}) on ${equal.join(' and ')}`,
          table.key.map((_, place) => keys.map((parts) => parts[place])),
        ),
      )
    } catch (error) {
      if (!codeOf(error).startsWith(wrongValue)) throw error
      if (keys.length === 1) return []
      const half = Math.ceil(keys.length / 2)
      return [...(await this.#lookUp(keys.slice(0, half))), ...(await this.#lookUp(keys.slice(half)))]
    }
  }

  #select(session: Session, condition: string, values: readonly unknown[]): Promise<readonly TextRow[]> {
    const { table } = this.#options
    return session.rows(`select ${selection(table, 'r')}, r.xmin from ${table.name} r ${condition}`, values)
  }

  /** The texts of the columns of a key; `undefined` for what is no key of this table. */
  #partsOf(key: string): readonly (readonly string[])[] | undefined {
    const parts = this.#areBytes.length === 1 ? [key] : textsOf(key)
    if (parts?.length !== this.#areBytes.length) return undefined
    return [
      parts.map((text, place) => (this.#areBytes[place] ? `\\x${Buffer.from(text, 'base64').toString('hex')}` : text)),
    ]
  }

  #row(stored: TextRow): KeyedRow {
    const { form } = this.#options.table
    const key = form.key(stored)!
    const data = parseExactJson(this.#decoder.decode(form.state(stored, key))) as Record<string, unknown>
    return { key, data, mark: stored.at(-1)! }
  }
}

/** SQLSTATE's class of data exceptions. */
const wrongValue = '22'

/** The JSON list of texts that the key of several columns is. */
function textsOf(key: string): readonly string[] | undefined {
  try {
    const texts: unknown = JSON.parse(key)
    return Array.isArray(texts) && texts.every((text) => typeof text === 'string') ? texts : undefined
  } catch {
    return undefined
  }
}
