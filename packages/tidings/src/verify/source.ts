import { codeOf, quoted, type CapturePool } from '../capture/client.ts'
import { ColumnTypes } from '../capture/column-types.ts'
import { read, type Session, type TextRow } from '../capture/session.ts'
import { inspectTable, refuseUnmapped, selection, type CapturedTable } from '../capture/table.ts'
import { parseExactJson } from '../contract/index.ts'
import { canonicalValues } from './canonical.ts'
import { PageSize, type Row, type Side } from './side.ts'

/** Opens a table of PostgreSQL as the system of record of a comparison: its rows as a capture publishes them. */
export async function openTable(options: {
  /** A pool of `pg` on its database; it stays its owner's to end. */
  readonly pool: CapturePool
  /** The table, as SQL has it: `public.customer`. */
  readonly table: string
  /** The property that is the entity's key, and the columns to compare beside it. */
  readonly key: string
  readonly columns: readonly string[]
}): Promise<Side> {
  const { pool, table: name, key, columns } = options
  const types = new ColumnTypes(pool)
  const table = await inspectTable({ pool, types, table: name, columns, keyProperty: key })
  refuseUnmapped(table)
  const loaded = await types.load([bytea, ...table.key.map(({ type }) => type)])
  // A domain over bytea writes its values as bytea does.
  const areBytes = table.key.map(({ type }) => loaded.get(type)?.json === loaded.get(bytea)?.json)
  return new SourceTable({ pool, table, columns: [key, ...columns], areBytes })
}

const bytea = 17

interface SourceParts {
  readonly pool: CapturePool
  readonly table: CapturedTable
  readonly columns: readonly string[]
  /** Which parts of the key are bytes, whose text in a key is another one than in SQL. */
  readonly areBytes: readonly boolean[]
}

class SourceTable implements Side {
  readonly #parts: SourceParts
  readonly #decoder = new TextDecoder()

  constructor(parts: SourceParts) {
    this.#parts = parts
  }

  async *pages(): AsyncGenerator<readonly Row[]> {
    const { pool, table } = this.#parts
    const size = new PageSize()
    const key = table.key.map(({ name }) => `r.${quoted(name)}`).join(', ')
    const values = table.key.map(({ typeName }, place) => `$${place + 1}::text::${typeName}`).join(', ')
    for (let after: readonly string[] | undefined; ;) {
      const rows = await read(pool, (session) =>
        this.#select(
          session,
          `${after ? `where (${key}) > (${values})` : ''} order by ${key} limit ${size.rows}`,
          after ?? [],
        ),
      )
      const last = rows.at(-1)
      if (!last) return
      const page = rows.map((row) => this.#row(row))
      yield page
      size.adapt(page)
      after = table.form.keyTexts(last)
    }
  }

  async find(keys: readonly string[]): Promise<readonly Row[]> {
    const wanted = new Set(keys)
    const parts = keys.flatMap((key) => this.#partsOf(key) ?? [])
    const rows = await this.#lookUp(parts.length === 0 ? [] : parts)
    // A text may be read as the value of another key: 07 as 7.
    return rows.map((row) => this.#row(row)).filter(({ key }) => wanted.has(key))
  }

  /** Among the keys of a damaged copy may be some that are no values of the type. */
  async #lookUp(keys: readonly (readonly string[])[]): Promise<readonly TextRow[]> {
    if (keys.length === 0) return []
    const { pool, table } = this.#parts
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
    const { table } = this.#parts
    return session.rows(`select ${selection(table, 'r')}, r.xmin from ${table.name} r ${condition}`, values)
  }

  /** The texts of the columns of a key; `undefined` for what is no key of this table. */
  #partsOf(key: string): readonly (readonly string[])[] | undefined {
    const { areBytes } = this.#parts
    const parts = areBytes.length === 1 ? [key] : textsOf(key)
    if (parts?.length !== areBytes.length) return undefined
    return [parts.map((text, place) => (areBytes[place] ? `\\x${Buffer.from(text, 'base64').toString('hex')}` : text))]
  }

  #row(stored: TextRow): Row {
    const { table, columns } = this.#parts
    const key = table.form.key(stored)!
    const state = parseExactJson(this.#decoder.decode(table.form.state(stored, key))) as Record<string, unknown>
    return { key, values: canonicalValues(state, columns), mark: stored.at(-1)! }
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
