import type { RunningServer } from '@tidings/server'
import type { ClientConfig, Pool } from 'pg'
import { createService, defineContract, TidingsError, type AppliedChange, type Notice, type Service } from 'tidings'
import type { Caller } from 'tidings/broker'
import {
  captureTable,
  describeTable,
  type Capture,
  type CaptureAlarm,
  type CaptureStats,
  type TableDescription,
} from 'tidings/capture'
import type { Database } from 'tidings/database'
import { comparePositions } from 'tidings/event'
import { openCopy } from 'tidings/verify'
import { openPool } from '../postgres.ts'
import { entityOf, type TableNames } from './names.ts'

const namespace = 'default'
/** The service that has the copy. */
const copyService = 'copy'
const operator: Caller = { namespace, principal: 'operator' }

/** The table that is captured, and the way to it. */
export interface Source extends AsyncDisposable {
  readonly url: string
  readonly pool: Pool
  /** As SQL has it. */
  readonly table: string
  /** Those to capture; all where it is absent. */
  readonly chosen: { readonly columns?: readonly string[] }
  readonly names: TableNames
  readonly description: TableDescription
  /** The property of the entity that is its key. */
  readonly keyProperty: string
}

/** Looks whether the table can be captured, before anything is made. */
export async function openSource(options: {
  readonly url: string
  readonly table: string
  readonly columns: readonly string[] | undefined
  readonly names: TableNames
}): Promise<Source> {
  const { url, table, columns, names } = options
  const pool = await openPool(url)
  const chosen = columns ? { columns } : {}
  try {
    const description = await describeTable({ pool, table, ...chosen })
    const [only, ...others] = description.key
    const ofSeveral = description.columns.includes('key') ? '_key' : 'key'
    const keyProperty = others.length === 0 && only !== undefined ? only : ofSeveral
    return { url, pool, table, chosen, names, description, keyProperty, [Symbol.asyncDispose]: () => pool.end() }
  } catch (error) {
    await pool.end()
    throw error
  }
}

export interface DevParts {
  readonly source: Source
  readonly server: RunningServer
  /** Where the copy is kept. */
  readonly database: Database
  readonly onApplied: (changes: readonly AppliedChange[]) => void
  readonly onNotice: (notice: Pick<Notice, 'level' | 'message'>) => void
}

/** A table that is being captured and copied in this process. */
export interface RunningDev extends AsyncDisposable {
  /** How many events its rows and changes have become since the start, and whether it is still being listed. */
  progress(): Promise<Pick<CaptureStats, 'published' | 'listing'>>
  /** Whether the copy has every row that the table had. */
  isComplete(): Promise<boolean>
  rows(): Promise<number>
}

/** Starts the copy, and then the capture, so that a copy which cannot be made leaves nothing in the database. */
export async function startDev(parts: DevParts): Promise<RunningDev> {
  const { source, server } = parts
  const { topic, service: owner } = entityOf(source.names.entity, source.keyProperty)
  await server.broker.putTopic({ namespace, principal: owner }, { topic, kind: 'entity', owner })
  const service = serviceOf(parts)
  const capture = await captureOf(parts)
  const stop = async (): Promise<void> => {
    await service.stop()
    await capture.stop()
  }
  try {
    const before = await copiedColumns(parts)
    await startService(service, parts)
    await capture.start()
    // Rows that have not changed since were published with the columns of before.
    if (before && before !== JSON.stringify(columnsOf(source))) await capture.relist()
    return { ...progressOf(parts, { capture, service }), [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function captureOf({ source, server, onNotice }: DevParts): Promise<Capture> {
  const { url, pool, table, chosen, names, keyProperty } = source
  const { default: pg } = await import('pg')
  return captureTable({
    pool,
    replication: () => new pg.Client({ connectionString: url, replication: 'database' } as ClientConfig),
    broker: server.broker,
    entity: entityOf(names.entity, keyProperty),
    name: names.capture,
    table,
    ...chosen,
    onAlarm: (alarm) => onNotice({ level: 'warning', message: messageOf(alarm, table) }),
  })
}

function messageOf(alarm: CaptureAlarm, table: string): string {
  if (alarm.alarm !== 'columns') return alarm.message
  const [added, dropped] = [alarm.added, alarm.dropped].map((names) => names.join(', ') || 'none')
  return `Columns of ${table} were added (${added}) or dropped (${dropped}); stop this and start it again to copy what it has.`
}

function serviceOf({ source, server, database, onApplied, onNotice }: DevParts): Service<typeof copyService> {
  const { names, keyProperty } = source
  const contract = defineContract(copyService, {})
  const service = createService({ contract, broker: server.broker, database, namespace, report: onNotice })
  // What columns the table has is known to nobody but PostgreSQL.
  const columns = columnsOf(source) as never[]
  service.replicate(entityOf(names.entity, keyProperty), { columns, table: names.copy, onApplied })
  return service
}

function columnsOf({ chosen, description, keyProperty }: Source): readonly string[] {
  return [...new Set([keyProperty, ...(chosen.columns ?? description.columns)])]
}

/** The columns that the copy has, as JSON; `undefined` where there is none yet. */
async function copiedColumns({ source, database }: DevParts): Promise<string | undefined> {
  try {
    const { key, columns } = await openCopy({ database, table: source.names.copy })
    return JSON.stringify([key, ...columns])
  } catch (error) {
    if (error instanceof TidingsError) return undefined
    throw error
  }
}

/** A copy that was deleted, or is another one than last time, takes the place of the one before. */
async function startService(service: Service<typeof copyService>, { server }: DevParts): Promise<void> {
  try {
    await service.start()
  } catch (error) {
    if (!(error instanceof TidingsError) || error.code !== 'service-conflict') throw error
    const database = String(error.details['database'])
    await server.broker.registerService(operator, { service: copyService, database, replace: true })
    await service.start()
  }
}

function progressOf(
  { source: { names }, server, database }: DevParts,
  { capture, service }: { readonly capture: Capture; readonly service: Service<typeof copyService> },
): Pick<RunningDev, 'progress' | 'isComplete' | 'rows'> {
  return {
    progress: () => capture.stats(),
    async isComplete() {
      if ((await capture.stats()).listing) return false
      const { replicas } = await service.stats()
      if (replicas.some(({ state }) => state !== 'ready')) return false
      const { head } = await server.broker.topic(operator, names.topic)
      const subscriptions = await server.broker.subscriptions(operator)
      const copying = subscriptions.filter(({ subscription }) =>
        subscription.startsWith(`${copyService}.replica.${names.topic}.`),
      )
      return copying.length > 0 && copying.every(({ floor }) => comparePositions(floor, head) >= 0)
    },
    async rows() {
      const [row] = await database.query<{ rows: number }>(
        `select count(*) as rows from ${database.dialect.identifier(names.copy)}`,
      )
      return row!.rows
    },
  }
}
