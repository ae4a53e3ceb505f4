import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Libsql from 'libsql'
import { Client, Pool, type ClientConfig } from 'pg'
import { connect, createService, defineContract, defineEntity, type Broker } from 'tidings'
import { captureTable } from 'tidings/capture'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { compare, openCopy, openTable } from 'tidings/verify'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { latencies, type Percentiles } from '../../house/latency.ts'
import { until } from '../../house/loops.ts'
import { postgresProgram } from '../../systems/postgres.ts'
import type { Place } from './place.ts'

const columns = ['aid', 'bid', 'abalance', 'filler'] as const
const account = defineEntity({
  key: 'aid',
  schema: z.object({ aid: z.int(), bid: z.int(), abalance: z.int(), filler: z.string() }),
})
const shop = defineContract('shop', { account })
const caller = { namespace: 'default', principal: 'shop' }
const table = 'public.pgbench_accounts'
/** Of the accounts that one transaction of the load changes. */
const atOnce = 50

export interface CaptureRun {
  /** Of pgbench, 100,000 accounts each. */
  readonly scale: number
  readonly seconds: number
}

/** Rows or changes a second. */
export interface Captured {
  /** The table as it stands, into the topic. */
  readonly listed: number
  /** A change of each row in one transaction, its own time included, into the topic, and into a copy. */
  readonly changed: number
  readonly copied: number
  /** Commit to copy, while pgbench changes 70 % of what the copy took. */
  readonly lag: Percentiles
}

/** What capture takes of a table of pgbench, and how a copy follows; the copy has to be equal in the end. */
export async function captured(place: Place, { scale, seconds }: CaptureRun): Promise<Captured> {
  const { url, server } = place
  await runPgbench('--initialize', '--quiet', `--scale=${scale}`, url)
  const pool = new Pool({ connectionString: url })
  const broker = connect(server, { WebSocket })
  await broker.start()
  await broker.putTopic(caller, { topic: shop.account.topic, kind: 'entity', owner: 'shop' })
  const capture = captureTable({
    pool,
    replication: () => new Client({ connectionString: url, replication: 'database' } as ClientConfig),
    broker,
    entity: shop.account,
    table,
    columns,
    onAlarm: ({ alarm, message }) => console.error(`${alarm}: ${message}`),
  })
  try {
    const rows = scale * 100_000
    const listed = await rateOf(broker, rows, () => capture.start())
    const changed = await rateOf(broker, rows, () => pool.query('update pgbench_accounts set abalance = abalance + 1'))
    return { listed, changed, ...(await follow({ ...place, pool, broker, seconds, rows })) }
  } finally {
    await capture.remove()
    await broker.stop()
    await pool.end()
  }
}

function runPgbench(...words: readonly string[]): Promise<unknown> {
  const program = postgresProgram('pgbench')
  if (program === undefined) throw new Error('there is no pgbench on this machine: apt-get install postgresql-contrib')
  return promisify(execFile)(program, words)
}

/** Events a second, until so many more are in the topic. */
async function rateOf(broker: Broker, count: number, work: () => Promise<unknown>): Promise<number> {
  const before = await headOf(broker)
  const start = performance.now()
  await work()
  await until(async () => (await headOf(broker)) - before >= count)
  return (count * 1_000) / (performance.now() - start)
}

interface FollowRun extends Place {
  readonly pool: Pool
  readonly broker: Broker
  readonly seconds: number
  readonly rows: number
}

async function follow({
  pool,
  broker,
  folder,
  url,
  seconds,
  rows,
}: FollowRun): Promise<Pick<Captured, 'copied' | 'lag'>> {
  const file = join(folder, 'copy.db')
  const [client, reader] = [new Libsql(file), new Libsql(file)]
  client.exec('pragma journal_mode = wal')
  const database = sqliteDatabase({ client, reader })
  await database.start()
  let applied = 0
  let times = latencies()
  const service = createService({ contract: defineContract('copy', {}), broker, database })
  const copy = service.replicate(shop.account, {
    columns,
    table: 'account_copy',
    onApplied(changes) {
      applied += changes.length
      for (const { time } of changes) if (time !== undefined) times.record(Date.now() - Date.parse(time))
    },
  })
  try {
    await service.start()
    await until(() => copy.status().state === 'ready')
    applied = 0
    const start = performance.now()
    await pool.query('update pgbench_accounts set abalance = abalance + 1')
    await until(() => applied >= rows)
    const copied = (rows * 1_000) / (performance.now() - start)
    times = latencies()
    const script = join(folder, 'load.sql')
    await writeFile(
      script,
      `\\set first random(1, ${rows - atOnce})\nupdate pgbench_accounts set abalance = abalance + 1 where aid between :first and :first + ${atOnce - 1};\n`,
    )
    const rate = Math.max(1, Math.round((0.7 * copied) / atOnce))
    await runPgbench('-n', '-c4', '-j1', `-T${seconds}`, `-R${rate}`, '-f', script, url)
    const source = await openTable({ pool, table, key: 'aid', columns })
    const side = await openCopy({ database, table: 'account_copy' })
    const { differences } = await compare({ source, copy: side, onDifference: () => undefined })
    if (differences > 0) throw new Error(`${differences} rows of the copy differ`)
    return { copied, lag: times.percentiles() }
  } finally {
    await service.stop()
    await database.stop()
    client.close()
    reader.close()
  }
}

async function headOf(broker: Broker): Promise<number> {
  const { head } = await broker.topic(caller, shop.account.topic)
  return Number(head.split('.').at(-1))
}
