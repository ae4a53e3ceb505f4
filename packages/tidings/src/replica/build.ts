import type { Database, SqlRow, SqlValue, Transaction } from '../database/index.ts'
import { createTable, findTable, switchTables } from './statements.ts'

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

export async function loadBuilds(from: Pick<Database, 'query'>, name: string): Promise<readonly Build[]> {
  const rows = await from.query<BuildRow>('select * from tidings_replicas where name = ? order by build', [name])
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
export async function findConflict(
  from: Pick<Database, 'query'>,
  name: string,
  table: string,
): Promise<string | undefined> {
  const [found] = await from.query<{ name: string }>(findTable, [table])
  if (!found) return undefined
  const ours = await from.query('select 1 from tidings_replicas where name = ? and lower(present_table) = lower(?)', [
    name,
    table,
  ])
  return ours.length > 0 ? undefined : found.name
}

export async function insertBuild(
  database: Database,
  build: Pick<Build, 'name' | 'number' | 'topic' | 'columns' | 'finalTable' | 'presentTable' | 'subscription'>,
): Promise<void> {
  await database.transaction(async (transaction) => {
    const [inserted] = await transaction.query(
      `insert into tidings_replicas (name, build, topic, columns, final_table, present_table, subscription, state)
       values (?, ?, ?, ?, ?, ?, ?, 'filling') on conflict do nothing returning build`,
      [
        build.name,
        build.number,
        build.topic,
        JSON.stringify(build.columns),
        build.finalTable,
        build.presentTable,
        build.subscription,
      ],
    )
    // Another process of the service has begun it already.
    if (!inserted) return
    for (const statement of createTable(database.dialect, build.presentTable, build.columns)) {
      await transaction.query(statement)
    }
  })
}

export async function changeBuild(
  transaction: Transaction,
  { name, number }: Build,
  columns: Readonly<Record<string, SqlValue>>,
): Promise<void> {
  const names = Object.keys(columns)
  const assignments = names.map((column) => `${column} = ?`).join(', ')
  await transaction.query(`update tidings_replicas set ${assignments} where name = ? and build = ?`, [
    ...Object.values(columns),
    name,
    number,
  ])
}

/** Every transaction that applies something raises the counter, whichever process it is of. */
export async function raiseCounter(transaction: Transaction, { name, number }: Build): Promise<number> {
  const [row] = await transaction.query<{ counter: number }>(
    'update tidings_replicas set counter = counter + 1 where name = ? and build = ? returning counter',
    [name, number],
  )
  return row?.counter ?? 0
}

/** Makes a complete build the one that is read, and removes the one before, all at once. */
export async function switchTo(database: Database, build: Build, before: Build | undefined): Promise<void> {
  await database.transaction(async (transaction) => {
    const tables = { before: before?.presentTable, from: build.presentTable, to: build.finalTable }
    for (const statement of switchTables(database.dialect, tables)) await transaction.query(statement)
    if (before) await forget(transaction, before)
    await changeBuild(transaction, build, { state: 'ready', present_table: build.finalTable })
  })
}

/** Removes a build that never became ready. */
export async function dropBuild(database: Database, build: Build): Promise<void> {
  await database.transaction(async (transaction) => {
    await transaction.query(`drop table if exists ${database.dialect.identifier(build.presentTable)}`)
    await forget(transaction, build)
  })
}

async function forget(transaction: Transaction, { name, number }: Build): Promise<void> {
  for (const table of ['tidings_replicas', 'tidings_replica_tombstones']) {
    await transaction.query(`delete from ${table} where name = ? and build = ?`, [name, number])
  }
}
