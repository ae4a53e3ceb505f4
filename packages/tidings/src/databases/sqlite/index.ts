export type { SqliteClient, SqliteStatement } from './client.ts'
export { sqliteDatabase, type SqliteDatabaseOptions } from './database.ts'
