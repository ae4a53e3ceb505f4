import Database from 'libsql'
import { join } from 'node:path'
import { Pool } from 'pg'
import { createService, defineContract, defineEntity, type StandardSchemaV1 } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import type { Database as ServiceDatabase } from 'tidings/database'
import { postgresDatabase } from 'tidings/databases/postgres'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { memoryEngine } from 'tidings/engines/memory'

const anything: StandardSchemaV1<{ id: string }, { id: string }> = {
  '~standard': { version: 1, vendor: 'benchmarks', validate: (value) => ({ value: value as { id: string } }) },
}
export const shop = defineContract('shop', { item: defineEntity({ key: 'id', schema: anything }) })
export const columns = ['price', 'stock', 'changed', 'name']
const copied = ['id', ...columns]

/** A table of 200 bytes a row, and what a capture of it would make of them in copies in either database. */
export interface Copies {
  readonly pool: Pool
  readonly postgres: ServiceDatabase
  readonly sqlite: ServiceDatabase
  readonly file: string
  stop(): Promise<void>
}

export async function fillCopies(options: { url: string; folder: string; rows: number }): Promise<Copies> {
  const { url, folder, rows } = options
  const pool = new Pool({ connectionString: url, max: 4 })
  await pool.query(`
    drop schema if exists tidings cascade;
    drop table if exists item, shop_item;
    create table item (id bigint primary key, price numeric(10, 2), stock integer, changed timestamptz, name text);
    insert into item select n, n / 100.0, n % 1000, '2026-01-01'::timestamptz + n * interval '1 second', repeat(md5(n::text), 4)
      from generate_series(1, ${rows}) n;
    analyze item`)
  const postgres = postgresDatabase({ pool })
  const file = join(folder, 'copy.db')
  const client = new Database(file)
  client.exec('pragma journal_mode = wal; pragma synchronous = full')
  const sqlite = sqliteDatabase({ client, reader: new Database(file) })
  for (const database of [postgres, sqlite]) await makeTables(database)
  const encoded = `'{"id":"number","stock":"number"}'`
  const moment = `replace((changed at time zone 'UTC')::text, ' ', 'T') || 'Z'`
  await pool.query(`begin; select set_config('tidings.replica_writable', 'on', true);
    insert into shop_item (${copied.join(', ')}, tidings_version, tidings_encoded)
      select id::text, price::text, stock::text, ${moment}, name, '0000000001.' || lpad(id::text, 20, '0'), ${encoded} from item;
    commit; create index on shop_item (id collate "C"); analyze shop_item`)
  await fillSqlite(pool, client, rows)
  return {
    pool,
    postgres,
    sqlite,
    file,
    async stop() {
      await postgres.stop()
      await sqlite.stop()
      client.close()
      await pool.end()
    },
  }
}

/** A service makes the empty copy, as it does everywhere. */
async function makeTables(database: ServiceDatabase): Promise<void> {
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  const owner = { namespace: 'default', principal: 'shop' }
  await broker.putTopic(owner, { topic: 'shop.item', kind: 'entity', owner: 'shop' })
  const service = createService({ contract: defineContract('reader', {}), broker, database })
  const copy = service.replicate(shop.item, { columns: columns as never[] })
  await database.start()
  await service.start()
  while (copy.status().state !== 'ready') await new Promise((resolve) => setTimeout(resolve, 20))
  await service.stop()
  await broker.stop()
  await database.start()
}

async function fillSqlite(pool: Pool, client: Database.Database, rows: number): Promise<void> {
  client.exec('begin; update tidings_replica_guard set writable = 1')
  const insert = client.prepare(
    `insert into shop_item (${copied.join(', ')}, tidings_version, tidings_encoded) values (?, ?, ?, ?, ?, ?, ?)`,
  )
  for (let after = 0; after < rows; after += 10_000) {
    const page = await pool.query({
      text: 'select * from shop_item where id in (select n::text from generate_series($1::integer + 1, $2) n)',
      values: [after, after + 10_000],
    })
    for (const row of page.rows as Record<string, string>[]) {
      insert.run(
        BigInt(row['id']!),
        row['price'],
        BigInt(row['stock']!),
        row['changed'],
        row['name'],
        row['tidings_version'],
        null,
      )
    }
  }
  client.exec('update tidings_replica_guard set writable = 0; commit')
}
