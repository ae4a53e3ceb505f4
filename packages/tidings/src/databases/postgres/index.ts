export type { PostgresClient, PostgresPool } from '../../postgres/index.ts'
export { postgresDatabase, type PostgresDatabaseOptions } from './database.ts'
