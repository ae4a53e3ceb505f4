import type { Database, MigrationSet } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'

const migrations: MigrationSet = {
  name: 'tidings_service',
  migrations: ['create table tidings_database (only integer primary key check (only = 1), id text not null) strict'],
}

/** Names this database, for as long as it and its copies exist. */
export async function databaseIdentity(database: Database, environment: Environment): Promise<string> {
  await database.migrate(migrations)
  const [row] = await database.transaction(async (transaction) => {
    await transaction.query('insert into tidings_database (only, id) values (1, ?) on conflict do nothing', [
      environment.ids.next(),
    ])
    return await transaction.query<{ id: string }>('select id from tidings_database')
  })
  if (!row) throw new Error('The database lost its identity between two statements.')
  return row.id
}
