export type { PostgresClient, PostgresPool } from './client.ts'
export { postgresDatabase, type PostgresDatabaseOptions } from './database.ts'
