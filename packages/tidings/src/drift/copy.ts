import type { Database, SqlRow, SqlValue } from '../database/index.ts'
import { TidingsError } from '../errors.ts'
import { loadBuildsOfTable, type Build } from '../replica/build.ts'
import { decodeRow } from '../replica/row-form.ts'
import { tablesOf, type ReplicaTables } from '../replica/tables.ts'
import { canonicalValues } from '../verify/canonical.ts'
import type { CopyHop } from './hops.ts'

/** A copy of which single keys are looked into. */
export interface InspectedCopy {
  readonly topic: string
  /** The property that is its key. */
  readonly key: string
  /** Its other columns. */
  readonly columns: readonly string[]
  /** The subscription that brings its events. */
  readonly subscription: string
  /** Of each key, whether it has a row or not. */
  find(keys: readonly string[]): Promise<ReadonlyMap<string, CopyHop>>
  /** How much was applied, as far as its database knows, to compare with the watermark of its subscription. */
  applied(): Promise<number | undefined>
}

/** Opens the replica in a table of this database; it need not be running, and is only read. */
export async function inspectReplica(options: {
  readonly database: Database
  readonly table: string
  /** Those that are compared; all where it is absent. */
  readonly columns?: readonly string[]
}): Promise<InspectedCopy> {
  const { database, table, columns } = options
  const build = (await loadBuildsOfTable(database, table)).find(({ state }) => state === 'ready')
  if (!build) {
    throw new TidingsError('bad-request', `This database has no complete copy in a table "${table}"; check its name.`)
  }
  return new ReplicaCopy(database, build, columns)
}

class ReplicaCopy implements InspectedCopy {
  readonly topic: string
  readonly key: string
  readonly columns: readonly string[]
  readonly subscription: string
  readonly #database: Database
  readonly #build: Build
  readonly #tables: ReplicaTables

  constructor(database: Database, build: Build, wanted: readonly string[] | undefined) {
    const [key = '', ...columns] = build.columns
    this.topic = build.topic
    this.key = key
    this.columns = columns.filter((column) => wanted?.includes(column) ?? true)
    this.subscription = build.subscription
    this.#database = database
    this.#build = build
    this.#tables = tablesOf(database.dialect)
  }

  async find(keys: readonly string[]): Promise<ReadonlyMap<string, CopyHop>> {
    const found = new Map<string, CopyHop>()
    const { identifier, placeholder } = this.#database.dialect
    const wanted = keys.flatMap((key) => this.#tables.keyValues(key))
    const places = wanted.map((_, index) => placeholder(index + 1)).join(', ')
    const rows = await this.#database.query(
      `select * from ${identifier(this.#build.presentTable)} where ${identifier(this.key)} in (${places})`,
      wanted,
    )
    for (const row of rows) {
      const data = decodeRow(this.#tables, row, this.#build.columns)
      const values = canonicalValues(data, this.columns)
      found.set(String(data[this.key]), { values, keepsVersions: true, version: String(row['tidings_version']) })
    }
    for (const key of keys) {
      const deletedVersion = await this.#deletedVersion(key)
      const unread = await this.#unread(key)
      const hop = found.get(key) ?? { keepsVersions: true }
      found.set(key, { ...hop, ...(deletedVersion !== undefined && { deletedVersion }), ...(unread && { unread }) })
    }
    return found
  }

  async #deletedVersion(key: string): Promise<string | undefined> {
    const { name, number } = this.#build
    const [row] = await this.#database.query<{ version: string }>(this.#tables.statements.tombstone, [
      name,
      number,
      new TextEncoder().encode(key),
    ])
    return row?.version
  }

  async #unread(key: string): Promise<CopyHop['unread']> {
    const { name, number } = this.#build
    const values = [name, number, new TextEncoder().encode(key)]
    const [row] = await this.#database.query<{ version: string; reason: string }>(
      this.#tables.statements.unreadOf,
      values,
    )
    return row && { version: row.version, reason: row.reason }
  }

  async applied(): Promise<number | undefined> {
    const builds = await loadBuildsOfTable(this.#database, this.#build.finalTable)
    return builds.find(({ number }) => number === this.#build.number)?.counter
  }
}

export interface HandlerTable {
  readonly database: Database
  /** The entity whose events the handler applies. */
  readonly topic: string
  /** `<service>.<name>` of the handler. */
  readonly subscription: string
  readonly table: string
  /** The property of the entity that is its key, and the column of the table that has it; the same name where absent. */
  readonly key: string
  readonly keyColumn?: string
  /** The properties that the table has. */
  readonly columns: readonly string[]
  /** Makes them from a row, where they are no columns of the same name. */
  readonly fromRow?: (row: SqlRow) => Readonly<Record<string, unknown>>
}

/** A table that a handler of a service keeps by itself. Nothing in it says which version a row is of. */
export function inspectTable(options: HandlerTable): InspectedCopy {
  const {
    database,
    topic,
    subscription,
    table,
    key,
    keyColumn = key,
    columns,
    fromRow = (row: SqlRow) => row,
  } = options
  const { identifier, placeholder } = database.dialect
  const select = `select * from ${identifier(table)} where ${identifier(keyColumn)} = ${placeholder(1)}`
  const findOne = async (value: SqlValue): Promise<CopyHop> => {
    const [row] = await database.query(select, [value])
    return { keepsVersions: false, ...(row && { values: canonicalValues(fromRow(row), columns) }) }
  }
  return {
    topic,
    key,
    columns,
    subscription,
    async find(keys) {
      const found = new Map<string, CopyHop>()
      for (const each of keys) found.set(each, await findOne(each))
      return found
    },
    applied: async () => undefined,
  }
}
