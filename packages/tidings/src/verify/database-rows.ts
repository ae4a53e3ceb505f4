import type { Database, SqlRow, SqlValue } from '../database/index.ts'
import { isWithin } from './key-order.ts'
import { PageSize } from './page-size.ts'
import type { KeyedRow } from './rows-side.ts'
import type { KeyRange } from './side.ts'

/** A condition with its values, for the rows behind one in the order of the pages; for all where that is absent. */
export type Behind = (after: SqlValue | undefined) => {
  readonly condition: string
  readonly values: readonly SqlValue[]
}

export interface DatabaseRowsOptions {
  readonly database: Database
  readonly table: string
  readonly keyColumn: string
  /** The values that the key column may have for a key. */
  readonly keyValues: (key: string) => readonly SqlValue[]
  /** What is compared of a row as it is stored. */
  readonly read: (stored: SqlRow) => KeyedRow | Promise<KeyedRow>
  /** What is selected beside the columns for a row that is looked up, such as its version, with its values. */
  readonly beside?: { readonly text: string; readonly values: readonly SqlValue[] }
}

/** Rows of a table of a service's own database. */
export class DatabaseRows {
  readonly database: Database
  /** As statements have them. */
  readonly table: string
  readonly keyColumn: string
  /** As they are called. */
  readonly names: Pick<DatabaseRowsOptions, 'table' | 'keyColumn'>
  readonly #options: DatabaseRowsOptions

  constructor(options: DatabaseRowsOptions) {
    const { identifier } = options.database.dialect
    this.database = options.database
    this.table = identifier(options.table)
    this.keyColumn = `r.${identifier(options.keyColumn)}`
    this.names = options
    this.#options = options
  }

  async find(keys: readonly string[]): Promise<readonly KeyedRow[]> {
    const found: KeyedRow[] = []
    for (const row of await this.#lookUp(keys)) found.push(await this.#options.read(row))
    return found
  }

  /** Among the keys of a damaged copy may be some that are no values of the column's type. */
  async #lookUp(keys: readonly string[]): Promise<readonly SqlRow[]> {
    const { keyValues, beside = { text: '', values: [] } } = this.#options
    const wanted = keys.flatMap(keyValues)
    if (wanted.length === 0) return []
    const places = wanted.map((_, place) => this.#placeholder(beside.values.length + place + 1)).join(', ')
    try {
      return await this.database.query(
        `select r.* ${beside.text} from ${this.table} r where ${this.keyColumn} in (${places})`,
        [...beside.values, ...wanted],
      )
    } catch (error) {
      if (!isWrongValue(error)) throw error
      if (keys.length === 1) return []
      const half = Math.ceil(keys.length / 2)
      return [...(await this.#lookUp(keys.slice(0, half))), ...(await this.#lookUp(keys.slice(half)))]
    }
  }

  /**
   * The rows of a range for which a condition holds, in an order of the key column; the condition may let others pass. It
   * is asked again for what is behind the last row of each page.
   */
  async *pages(range: KeyRange, behind: Behind, order = this.keyColumn): AsyncGenerator<readonly KeyedRow[]> {
    const { keyColumn, read } = this.#options
    const size = new PageSize()
    for (let after: SqlValue | undefined; ;) {
      const limit = size.rows
      const { condition, values } = behind(after)
      const rows = await this.database.query(
        `select r.* from ${this.table} r where ${condition} order by ${order} limit ${limit}`,
        values,
      )
      const page: KeyedRow[] = []
      for (const row of rows) {
        const keyed = await read(row)
        if (isWithin(keyed.key, range)) page.push(keyed)
      }
      yield page
      if (rows.length < limit) return
      size.adapt(rows)
      after = rows.at(-1)![keyColumn]
    }
  }

  #placeholder(place: number): string {
    return this.database.dialect.placeholder(place)
  }
}

/** Whether PostgreSQL refused a value: SQLSTATE's class of data exceptions. */
function isWrongValue(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^22...$/.test(code)
}
