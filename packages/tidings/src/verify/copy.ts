import type { Database } from '../database/index.ts'
import { TidingsError } from '../errors.ts'
import { loadBuildsOfTable, type Build } from '../replica/build.ts'
import { decodeRow } from '../replica/row-form.ts'
import { tablesOf } from '../replica/tables.ts'
import { DatabaseRows } from './database-rows.ts'
import { postgresCopy } from './postgres/copy.ts'
import { RowsSide } from './rows-side.ts'
import type { Side } from './side.ts'
import { sqliteReader } from './sqlite-rows.ts'

/** A copy in a table, as one side of a comparison. */
export interface CopySide extends Side {
  /** What it copies, and the subscription by which it hears of it. */
  readonly topic: string
  readonly subscription: string
  /** The property that is its key. */
  readonly key: string
  /** Its other columns, or those of them that are asked for. */
  readonly columns: readonly string[]
  /** How many rows it has. */
  count(): Promise<number>
}

/** A copy that is complete, and what of it is compared. */
export interface ReadyCopy {
  readonly database: Database
  readonly build: Build
  readonly key: string
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
  const ready = { database, build, key, columns }
  const rows = rowsOf(ready)
  const side = await (database.dialect.name === 'postgres'
    ? postgresCopy(ready, rows)
    : sqliteReader(rows, ready).then((reader) => new RowsSide(reader)))
  return {
    topic: build.topic,
    subscription: build.subscription,
    key,
    columns,
    digests: (range, cut) => side.digests(range, cut),
    hashes: (range, limit) => side.hashes(range, limit),
    find: (keys) => side.find(keys),
    async count() {
      const [row] = await database.query(`select count(*) as count from ${rows.table}`)
      return Number(row!['count'])
    },
  }
}

function rowsOf({ database, build, key, columns }: ReadyCopy): DatabaseRows {
  const tables = tablesOf(database.dialect)
  const compared = [key, ...columns]
  return new DatabaseRows({
    database,
    table: build.presentTable,
    keyColumn: key,
    keyValues: (text) => tables.keyValues(text),
    read(stored) {
      const data = decodeRow(tables, stored, compared)
      const version = String(stored['tidings_version'])
      return { key: String(data[key]), data, mark: version, version }
    },
  })
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
