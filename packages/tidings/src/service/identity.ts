import type { Database } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import type { Environment } from '../environment/index.ts'

const scripts = {
  sqlite: 'create table tidings_database (only integer primary key check (only = 1), id text not null) strict',
  postgres: 'create table tidings.database (only_row integer primary key check (only_row = 1), id text not null)',
}

/** Names this database, for as long as it and its copies exist. */
export async function databaseIdentity(database: Database, environment: Environment): Promise<string> {
  const { name, placeholder } = database.dialect
  const table = name === 'sqlite' ? 'tidings_database' : 'tidings.database'
  await database.migrate({ name: 'tidings_service', migrations: [scripts[name]] })
  const [row] = await ownTransaction(database, async (transaction) => {
    await transaction.query(`insert into ${table} values (1, ${placeholder(1)}) on conflict do nothing`, [
      environment.ids.next(),
    ])
    return await transaction.query<{ id: string }>(`select id from ${table}`)
  })
  if (!row) throw new Error('The database lost its identity between two statements.')
  return row.id
}
