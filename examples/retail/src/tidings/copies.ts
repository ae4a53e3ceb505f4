import { join } from 'node:path'
import Libsql from 'libsql'
import type { Database } from 'tidings/database'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { inspectReplica, inspectTable, remoteOwner, type EntityOwner, type InspectedCopy } from 'tidings/drift'
import { openCopy, openOwner, settlingByBroker, type Side } from 'tidings/verify'
import { crm } from '../contracts/crm.ts'
import type { ComparedCopy } from '../proof/copies.ts'
import { customersOfPython, customersTable } from './python-copy.ts'
import { teamStatus } from './finish.ts'
import type { Stage } from './stage.ts'

/** The table in which the service kit keeps a copy of `crm.customer`. */
export const copyTable = 'crm_customer'
/** Whoever compares asks the server on his own behalf, not on a team's. */
export const operator = { namespace: 'default', principal: 'operator' }

export type CopyName = 'marketing' | 'analytics'

/** A copy of the CRM's customers in a team's database, which is read beside the process that owns it. */
export interface StageCopy {
  readonly name: CopyName
  readonly inspected: InspectedCopy
  readonly side: Side
}

/** Opens the two copies of the customers. */
export async function openCopies(stage: Stage): Promise<readonly StageCopy[]> {
  const marketing = await openKitCopy(stage, 'marketing')
  return [marketing, stage.python === undefined ? await openKitCopy(stage, 'analytics') : await openPythonCopy(stage)]
}

async function openKitCopy(stage: Stage, name: CopyName): Promise<StageCopy> {
  const database = await openDatabase(stage, name)
  const where = { database, table: copyTable }
  return { name, inspected: await inspectReplica(where), side: await openCopy(where) }
}

/** A table that the team keeps by itself. */
async function openPythonCopy(stage: Stage): Promise<StageCopy> {
  const database = await openDatabase(stage, 'analytics')
  const table = { ...customersTable, database, topic: crm.customer.topic, subscription: 'analytics.customers' }
  return { name: 'analytics', inspected: inspectTable(table), side: customersOfPython(database) }
}

async function openDatabase({ directory }: Stage, team: string): Promise<Database> {
  const open = (): Libsql.Database => new Libsql(join(directory, `${team}.db`))
  const database = sqliteDatabase({ client: open(), reader: open() })
  await database.start()
  return database
}

/** The copy beside what the CRM answers for it over HTTP, and what is on the way between them. */
export async function besideOwner(stage: Stage, { name, side, inspected }: StageCopy): Promise<ComparedCopy> {
  const { broker } = stage
  const { topic, columns, subscription } = inspected
  const isPublished = async (): Promise<boolean> => (await teamStatus(stage.crm)).outbox === 0
  return {
    name: `${name}.customer = ${topic}`,
    source: await openOwner({ ...(await addressOfCrm(stage)), topic, columns }),
    copy: side,
    settling: settlingByBroker({ broker, caller: operator, subscription, isPublished }),
  }
}

export async function ownerOfCustomers(stage: Stage): Promise<EntityOwner> {
  return remoteOwner({ ...(await addressOfCrm(stage)), topic: crm.customer.topic })
}

/** Asked anew each time: a process that was started again serves at another address. */
async function addressOfCrm({ crm: team, secret }: Stage): Promise<{ url: string; secret: string }> {
  const { proofs } = await teamStatus(team)
  if (proofs === undefined) throw new Error(`${team.name} does not say where what it owns can be compared.`)
  return { url: proofs, secret }
}
