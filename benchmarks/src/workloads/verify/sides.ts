import Database from 'libsql'
import { Pool } from 'pg'
import { postgresDatabase } from 'tidings/databases/postgres'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { capturedEntity, openCopy, openOwner, openTable, ownerHandler, serveOwner, type Side } from 'tidings/verify'
import { columns, shop } from './copies.ts'

const secret = 'a secret for a benchmark, of 32 characters'

/** Which two sides are compared. */
export type Pair = 'PostgreSQL and PostgreSQL' | 'over HTTP and PostgreSQL' | 'PostgreSQL and SQLite'

export interface Sides {
  readonly pool: Pool
  readonly source: Side
  readonly copy: Side
}

/** Opens them on what `fillCopies` has made, for as long as the work takes. */
export async function withSides<Result>(
  made: { readonly url: string; readonly file: string; readonly pair: Pair },
  work: (sides: Sides) => Promise<Result>,
): Promise<Result> {
  const pool = new Pool({ connectionString: made.url, max: 8 })
  const database = databaseOf(made.pair, made.file, pool)
  const { source, close } = await openSource(made.pair, pool)
  try {
    await database.start()
    return await work({ pool, source, copy: await openCopy({ database, table: 'shop_item' }) })
  } finally {
    await close()
    await database.stop()
    await pool.end()
  }
}

async function openSource(pair: Pair, pool: Pool): Promise<{ readonly source: Side; close(): Promise<void> }> {
  if (pair !== 'over HTTP and PostgreSQL') {
    return { source: await openTable({ pool, table: 'item', key: 'id', columns }), close: async () => undefined }
  }
  const entities = [capturedEntity({ pool, table: 'item', entity: shop.item, columns })]
  const server = await serveOwner({ handler: ownerHandler({ secret, entities }), port: 0 })
  const source = await openOwner({ url: server.url, secret, topic: 'shop.item' })
  return { source, close: () => server.stop() }
}

function databaseOf(pair: Pair, file: string, pool: Pool) {
  if (pair !== 'PostgreSQL and SQLite') return postgresDatabase({ pool })
  return sqliteDatabase({ client: new Database(file), reader: new Database(file) })
}
