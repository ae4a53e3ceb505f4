export type { PostgresClient, PostgresPool } from '../../postgres/index.ts'
export type { PostgresHandle } from './clients/foreign.ts'
export type { PostgresJs, PostgresJsTransaction } from './clients/postgres-js.ts'
export { postgresDatabase, type PostgresDatabaseOptions } from './database.ts'
