import { join } from 'node:path'
import Libsql from 'libsql'
import { Pool } from 'pg'
import { connect, createService, defineContract, defineEntity, type Broker, type Entity } from 'tidings'
import { postgresDatabase } from 'tidings/databases/postgres'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { latencies, type Percentiles } from '../../house/latency.ts'
import { openLoop, until } from '../../house/loops.ts'
import { cpuSecondsWhile } from '../../house/usage.ts'
import { accountOf, accounts, bank, ways, type Bank } from './bank.ts'
import type { Place } from './place.ts'

/** In which database the copy stands. */
export type CopyKind = 'SQLite' | 'PostgreSQL'

interface Copy {
  readonly isReady: () => boolean
  readonly count: () => Promise<number>
  stop(): Promise<void>
}

interface CopyOptions {
  readonly place: Place
  readonly broker: Broker
  readonly kind: CopyKind
  readonly entity: Entity
  readonly columns: readonly string[]
  readonly onApplied?: (keys: readonly string[]) => void
}

/** A service of its own that replicates into a new database. */
async function startCopy(options: CopyOptions): Promise<Copy> {
  const { place, broker, kind, entity, columns, onApplied = () => undefined } = options
  const { database, close } = await openDatabase(place, kind)
  await database.start()
  const service = createService({ contract: defineContract('reader', {}), broker, database })
  const copy = service.replicate(entity, {
    columns: columns as never[],
    table: 'copy',
    onApplied: (changes) => onApplied(changes.map(({ key }) => key)),
  })
  await service.start()
  return {
    isReady: () => copy.status().state === 'ready',
    async count() {
      const [row] = await database.query('select count(*) as count from copy')
      return Number(row!['count'])
    },
    async stop() {
      await service.stop()
      await database.stop()
      await close()
    },
  }
}

async function openDatabase({ folder, url }: Place, kind: CopyKind) {
  if (kind === 'SQLite') {
    const file = join(folder, 'reader.db')
    const [client, reader] = [new Libsql(file), new Libsql(file)]
    client.exec('pragma journal_mode = wal; pragma synchronous = full')
    const close = async (): Promise<void> => {
      client.close()
      reader.close()
    }
    return { database: sqliteDatabase({ client, reader }), close }
  }
  const owner = new Pool({ connectionString: url, max: 1 })
  await owner.query('create database reader')
  await owner.end()
  const pool = new Pool({ connectionString: url.replace(/\/postgres$/, '/reader'), max: 4 })
  return { database: postgresDatabase({ pool }), close: () => pool.end() }
}

export interface Followed extends Percentiles {
  readonly cpuSecondsPerMillion: number
}

const warmUp = { perSecond: 300, seconds: 4 }

/** From the commit at the owner to the commit of the copy, each change of another row. */
export async function followed(
  on: Bank,
  run: { place: Place; kind: CopyKind; perSecond: number; seconds: number },
): Promise<Followed> {
  const { place, kind, perSecond, seconds } = run
  const changes = perSecond * seconds
  if (changes > accounts) throw new Error(`There are ${accounts} accounts, not ${changes}.`)
  const committed = new Map<string, number>()
  const applied = new Map<string, number>()
  const broker = connect(place.server, { WebSocket })
  await broker.start()
  const copy = await startCopy({
    place,
    broker,
    kind,
    entity: bank.account,
    columns: ['balance', 'note'],
    onApplied: (keys) => keys.forEach((key) => applied.set(key, performance.now())),
  })
  await until(copy.isReady)
  // Compiles what is measured.
  await openLoop(warmUp, (number) => ways['tx.changed'](on, number))
  await until(() => applied.size === warmUp.perSecond * warmUp.seconds)
  applied.clear()
  const { cpuSeconds } = await cpuSecondsWhile(place.pids, async () => {
    await openLoop({ perSecond, seconds }, async (number) => {
      await ways['tx.changed'](on, number)
      committed.set(String(accountOf(number)), performance.now())
    })
    await until(() => applied.size === changes)
  })
  await copy.stop()
  await broker.stop()
  const times = latencies()
  for (const [key, at] of committed) times.record(Math.max(0, applied.get(key)! - at))
  return { ...times.percentiles(), cpuSecondsPerMillion: (cpuSeconds * 1e6) / changes }
}

const anything = z.object({ id: z.string(), price: z.number(), stock: z.number(), name: z.string() })
const shop = defineContract('shop', { item: defineEntity({ key: 'id', schema: anything }) })
const keeper = { namespace: 'default', principal: 'shop' }

/** Puts so many rows of 200 B into the topic `shop.item`, in batches of 1,000, eight under way. */
async function stock(broker: Broker, rows: number): Promise<void> {
  const { topic } = shop.item
  await broker.putTopic(keeper, { topic, kind: 'entity', owner: 'shop' })
  const underWay: Promise<unknown>[] = []
  for (let first = 0; first < rows; first += 1_000) {
    const events = Array.from({ length: Math.min(1_000, rows - first) }, (_, index) => {
      const id = String(first + index)
      const data = Buffer.from(JSON.stringify({ id, price: 9.5, stock: index, name: id.repeat(40).slice(0, 140) }))
      const { type, dataschema } = shop.item.updated
      return { event: { id, source: '/shop', type, dataschema, key: id, datacontenttype: 'application/json', data } }
    })
    underWay.push(broker.publish(keeper, { topic, events }))
    if (underWay.length >= 8) await underWay.shift()
  }
  await Promise.all(underWay)
}

/** Rows a second, until a new copy has them all. */
export async function filled(place: Place, { kind, rows }: { kind: CopyKind; rows: number }): Promise<number> {
  const broker = connect(place.server, { WebSocket })
  await broker.start()
  await stock(broker, rows)
  const start = performance.now()
  const copy = await startCopy({ place, broker, kind, entity: shop.item, columns: ['price', 'stock', 'name'] })
  await until(copy.isReady)
  const seconds = (performance.now() - start) / 1_000
  const there = await copy.count()
  await copy.stop()
  await broker.stop()
  if (there !== rows) throw new Error(`of ${rows} rows the copy has ${there}`)
  return rows / seconds
}
