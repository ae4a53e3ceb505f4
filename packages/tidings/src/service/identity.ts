import type { Database, Dialect, MigrationSet } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'

const migrationsOf: Record<Dialect['name'], MigrationSet> = {
  sqlite: {
    name: 'tidings_service',
    migrations: ['create table tidings_database (only integer primary key check (only = 1), id text not null) strict'],
  },
  postgres: {
    name: 'service',
    migrations: ['create table tidings.database (only_row integer primary key check (only_row = 1), id text not null)'],
  },
}

/** Names this database, for as long as it and its copies exist. */
export async function databaseIdentity(database: Database, environment: Environment): Promise<string> {
  const { dialect } = database
  await database.migrate(migrationsOf[dialect.name])
  const table = dialect.name === 'sqlite' ? 'tidings_database' : 'tidings.database'
  const [row] = await database.transaction(async (transaction) => {
    const insert = `insert into ${table} values (1, ${dialect.placeholder(1)}) on conflict do nothing`
    await transaction.query(insert, [environment.ids.next()])
    return await transaction.query<{ id: string }>(`select id from ${table}`)
  })
  if (!row) throw new Error('The database lost its identity between two statements.')
  return row.id
}
