export type { PostgresClient, PostgresPool } from '../../postgres/index.ts'
export { postgresEngine, type PostgresEngineOptions } from './engine.ts'
