import type { Database, SqlRow, SqlValue } from '../database/index.ts'
import { TidingsError } from '../errors.ts'
import { loadBuildsOfTable, type Build } from '../replica/build.ts'
import { decodeRow } from '../replica/row-form.ts'
import { tablesOf, type ReplicaTables } from '../replica/tables.ts'
import { canonicalValues } from './canonical.ts'
import { PageSize, type Row, type Side } from './side.ts'

/** A copy in a table, as one side of a comparison. */
export interface CopySide extends Side {
  /** What it copies. */
  readonly topic: string
  /** The property that is its key. */
  readonly key: string
  /** Its other columns, or those of them that are asked for. */
  readonly columns: readonly string[]
}

/** Opens the copy that stands in a table of this database; it need not be running, and is only read. */
export async function openCopy(options: {
  readonly database: Database
  readonly table: string
  /** Those to compare; all where it is absent. */
  readonly columns?: readonly string[]
}): Promise<CopySide> {
  const { database, table, columns: wanted } = options
  const build = await readyBuild(database, table)
  const [key = '', ...others] = build.columns
  const unknown = wanted?.find((column) => !build.columns.includes(column))
  if (unknown !== undefined) {
    throw new TidingsError(
      'bad-request',
      `The copy ${table} has no column ${unknown}; it has ${build.columns.join(', ')}.`,
    )
  }
  const columns = others.filter((column) => wanted?.includes(column) ?? true)
  return new TableCopy({ database, build, key, columns })
}

async function readyBuild(database: Database, table: string): Promise<Build> {
  const builds = await loadBuildsOfTable(database, table)
  const ready = builds.find(({ state }) => state === 'ready')
  if (ready) return ready
  if (builds.length === 0) {
    throw new TidingsError('bad-request', `This database has no copy in a table "${table}"; check its name.`)
  }
  throw new TidingsError(
    'replica-not-ready',
    `The copy ${table} is still being filled; compare it when it is complete.`,
  )
}

interface CopyParts {
  readonly database: Database
  readonly build: Build
  readonly key: string
  readonly columns: readonly string[]
}

class TableCopy implements CopySide {
  readonly topic: string
  readonly key: string
  readonly columns: readonly string[]
  readonly #database: Database
  readonly #tables: ReplicaTables
  readonly #compared: readonly string[]
  readonly #table: string
  readonly #keyColumn: string

  constructor({ database, build, key, columns }: CopyParts) {
    this.topic = build.topic
    this.key = key
    this.columns = columns
    this.#database = database
    this.#tables = tablesOf(database.dialect)
    this.#compared = [key, ...columns]
    this.#table = database.dialect.identifier(build.presentTable)
    this.#keyColumn = database.dialect.identifier(key)
  }

  async *pages(): AsyncGenerator<readonly Row[]> {
    const size = new PageSize()
    for (let after: SqlValue | undefined; ;) {
      const rows = await this.#select(
        `${after === undefined ? '' : `where ${this.#keyColumn} > ${this.#placeholder(1)}`} order by ${this.#keyColumn} limit ${size.rows}`,
        after === undefined ? [] : [after],
      )
      const last = rows.at(-1)
      if (!last) return
      const page = rows.map((row) => this.#row(row))
      yield page
      size.adapt(page)
      after = last[this.key]
    }
  }

  async find(keys: readonly string[]): Promise<readonly Row[]> {
    const wanted = keys.flatMap((key) => this.#tables.keyValues(key))
    const places = wanted.map((_, place) => this.#placeholder(place + 1)).join(', ')
    const rows = await this.#select(`where ${this.#keyColumn} in (${places})`, wanted)
    return rows.map((row) => this.#row(row))
  }

  #select(condition: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#database.query(`select * from ${this.#table} ${condition}`, values)
  }

  #placeholder(place: number): string {
    return this.#database.dialect.placeholder(place)
  }

  #row(stored: SqlRow): Row {
    const data = decodeRow(this.#tables, stored, this.#compared)
    return {
      key: String(data[this.key]),
      values: canonicalValues(data, this.#compared),
      mark: String(stored['tidings_version']),
    }
  }
}
