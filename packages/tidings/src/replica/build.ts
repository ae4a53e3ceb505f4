import type { Database, SqlRow, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import { TidingsError } from '../errors.ts'
import { tablesOf } from './tables.ts'

/** One table that a replica is, or will be, made of. It is *filling* until it is complete, then *ready*. */
export interface Build {
  readonly name: string
  readonly number: number
  readonly topic: string
  readonly columns: readonly string[]
  /** What the table is called when it is ready. */
  readonly finalTable: string
  readonly presentTable: string
  readonly subscription: string
  readonly state: 'filling' | 'ready'
  /** The life of the topic that it copies; absent before the first contact. */
  readonly incarnation: string | undefined
  /** Where the listing goes on; absent at its beginning and when it is done. */
  readonly cursor: string | undefined
  /** Complete once the floor has passed this; absent until the listing is done. */
  readonly listedUntil: string | undefined
  /** Raised by every transaction that applies something, so that a restored database shows. */
  readonly counter: number
}

interface BuildRow extends SqlRow {
  name: string
  build: number
  topic: string
  columns: string
  final_table: string
  present_table: string
  subscription: string
  state: 'filling' | 'ready'
  incarnation: string | null
  cursor: string | null
  listed_until: string | null
  counter: number
}

export async function loadBuilds(database: Database, name: string): Promise<readonly Build[]> {
  return readBuilds(database, tablesOf(database.dialect).statements.builds, name)
}

/** Those of the replica that stands in a table; a database that never had a replica is refused. */
export async function loadBuildsOfTable(database: Database, table: string): Promise<readonly Build[]> {
  try {
    return await readBuilds(database, tablesOf(database.dialect).statements.buildsOfTable, table)
  } catch (cause) {
    if (cause instanceof TidingsError) throw cause
    throw new TidingsError('bad-request', 'This database has no copies of Tidings; check that it is the right one.', {
      cause,
    })
  }
}

async function readBuilds(database: Database, statement: string, value: string): Promise<readonly Build[]> {
  const rows = await database.query<BuildRow>(statement, [value])
  return rows.map((row) => ({
    name: row.name,
    number: row.build,
    topic: row.topic,
    columns: JSON.parse(row.columns) as string[],
    finalTable: row.final_table,
    presentTable: row.present_table,
    subscription: row.subscription,
    state: row.state,
    incarnation: row.incarnation ?? undefined,
    cursor: row.cursor ?? undefined,
    listedUntil: row.listed_until ?? undefined,
    counter: row.counter,
  }))
}

/** Answers the name of a table that stands in the way: it exists and is no table of this replica. */
export async function findConflict(database: Database, name: string, table: string): Promise<string | undefined> {
  const { findTable, ownTable } = tablesOf(database.dialect).statements
  const [found] = await database.query<{ name: string }>(findTable, [table])
  if (!found) return undefined
  const ours = await database.query(ownTable, [name, table])
  return ours.length > 0 ? undefined : found.name
}

export async function insertBuild(
  database: Database,
  build: Pick<Build, 'name' | 'number' | 'topic' | 'columns' | 'finalTable' | 'presentTable' | 'subscription'>,
): Promise<void> {
  const { createTable, statements } = tablesOf(database.dialect)
  await ownTransaction(database, async (transaction) => {
    const [inserted] = await transaction.query(statements.insertBuild, [
      build.name,
      build.number,
      build.topic,
      JSON.stringify(build.columns),
      build.finalTable,
      build.presentTable,
      build.subscription,
    ])
    // Another process of the service has begun it already.
    if (!inserted) return
    for (const statement of createTable(build.presentTable, build.columns)) await transaction.query(statement)
  })
}

/** Remembers the life of the topic that a build copies. */
export async function keepIncarnation(database: Database, { name, number }: Build, incarnation: string): Promise<void> {
  const { keepIncarnation: statement } = tablesOf(database.dialect).statements
  await ownTransaction(database, (transaction) => transaction.query(statement, [incarnation, name, number]))
}

/** Makes a complete build the one that is read, and removes the one before, all at once. */
export async function switchTo(database: Database, build: Build, before: Build | undefined): Promise<void> {
  const { beforeSwitch, statements, switchTables } = tablesOf(database.dialect)
  await ownTransaction(database, async (transaction) => {
    for (const statement of beforeSwitch) await transaction.query(statement)
    // The rows first: whoever applies changes holds his before he writes a table.
    const [switched] = await transaction.query(statements.makeReady, [build.finalTable, build.name, build.number])
    // Another process of the service has been quicker.
    if (!switched) return
    if (before) await forget(database, transaction, before)
    const tables = { before: before?.presentTable, from: build.presentTable, to: build.finalTable }
    for (const statement of switchTables(tables)) await transaction.query(statement)
  })
}

/** Removes a build, and its table with it. */
export async function dropBuild(database: Database, build: Build): Promise<void> {
  await ownTransaction(database, async (transaction) => {
    await forget(database, transaction, build)
    await transaction.query(`drop table if exists ${database.dialect.identifier(build.presentTable)}`)
  })
}

async function forget(database: Database, transaction: Transaction, { name, number }: Build): Promise<void> {
  const { forgetBuild, forgetEveryTombstone, forgetEveryUnread } = tablesOf(database.dialect).statements
  await transaction.query(forgetBuild, [name, number])
  await transaction.query(forgetEveryTombstone, [name, number])
  await transaction.query(forgetEveryUnread, [name, number])
}
