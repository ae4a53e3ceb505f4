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
import { percentile, until } from './loops.ts'
import { perSecond } from './outbox.ts'

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
  readonly url: string
  readonly server: string
  /** For the copy and the script of pgbench. */
  readonly folder: string
  /** `pgbench`, or where it is. */
  readonly pgbench: string
  /** Of pgbench, 100,000 accounts each. */
  readonly scale: number
  readonly seconds: number
}

/**
 * What capture takes of a table of pgbench: its rows, then changes of each in one transaction, and how fast those reach a
 * copy. Then pgbench changes it at 70 % of that while the copy follows, which has to be equal in the end.
 */
export async function measureCapture(run: CaptureRun): Promise<void> {
  const { url, server, folder, pgbench, scale, seconds } = run
  await promisify(execFile)(pgbench, ['--initialize', '--quiet', `--scale=${scale}`, url])
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
    onAlarm: ({ alarm, message }) => console.log(`  ${alarm}: ${message}`),
  })
  try {
    const rows = scale * 100_000
    const listed = await rateOf(broker, rows, () => capture.start())
    console.log(`\nCapture of ${rows.toLocaleString('en')} rows: ${perSecond(rows, listed)}`)
    const changed = await rateOf(broker, rows, () => pool.query('update pgbench_accounts set abalance = abalance + 1'))
    console.log(`Capture of as many changes in one transaction, which takes a part of it: ${perSecond(rows, changed)}`)
    await follow({ pool, broker, folder, url, pgbench, seconds, rows })
  } finally {
    await capture.remove()
    await broker.stop()
    await pool.end()
  }
}

/** Seconds until so many events more are in the topic. */
async function rateOf(broker: Broker, count: number, work: () => Promise<unknown>): Promise<number> {
  const before = await headOf(broker)
  const start = performance.now()
  await work()
  await until(async () => (await headOf(broker)) - before >= count)
  return (performance.now() - start) / 1_000
}

interface FollowRun {
  readonly pool: Pool
  readonly broker: Broker
  readonly folder: string
  readonly url: string
  readonly pgbench: string
  readonly seconds: number
  readonly rows: number
}

async function follow({ pool, broker, folder, url, pgbench, seconds, rows }: FollowRun): Promise<void> {
  const file = join(folder, 'copy.db')
  const [client, reader] = [new Libsql(file), new Libsql(file)]
  client.exec('pragma journal_mode = wal')
  const database = sqliteDatabase({ client, reader })
  await database.start()
  const lags: number[] = []
  const service = createService({ contract: defineContract('copy', {}), broker, database })
  const copied = service.replicate(shop.account, {
    columns,
    table: 'account_copy',
    onApplied(changes) {
      const now = Date.now()
      for (const { time } of changes) if (time !== undefined) lags.push(now - Date.parse(time))
    },
  })
  try {
    await service.start()
    await until(async () => copied.status().state === 'ready')
    lags.length = 0
    const start = performance.now()
    await pool.query('update pgbench_accounts set abalance = abalance + 1')
    await until(async () => lags.length >= rows)
    const changesPerSecond = (rows * 1_000) / (performance.now() - start)
    console.log(`The same until a copy in SQLite has them: ${Math.round(changesPerSecond).toLocaleString('en')}/s`)
    lags.length = 0
    const script = join(folder, 'load.sql')
    await writeFile(
      script,
      `\\set first random(1, ${rows - atOnce})\nupdate pgbench_accounts set abalance = abalance + 1 where aid between :first and :first + ${atOnce - 1};\n`,
    )
    const rate = Math.max(1, Math.round((0.7 * changesPerSecond) / atOnce))
    await promisify(execFile)(pgbench, ['-n', '-c4', '-j1', `-T${seconds}`, `-R${rate}`, '-f', script, url])
    const source = await openTable({ pool, table, key: 'aid', columns })
    const copy = await openCopy({ database, table: 'account_copy' })
    const { differences } = await compare({ source, copy, onDifference: () => undefined })
    if (differences > 0) throw new Error(`${differences} rows of the copy differ.`)
    const p = (share: number): string => `${Math.round(percentile(lags, share))} ms`
    console.log(
      `pgbench at 70 % of that for ${seconds} s (${rate}/s, each of ${atOnce} changes), commit to copy: p50 ${p(0.5)}, p99 ${p(0.99)}, ${lags.length.toLocaleString('en')} changes; equal at the end`,
    )
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
