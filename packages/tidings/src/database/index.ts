export type { Database, Dialect, MigrationSet, SqlRow, SqlValue, Transaction } from './port.ts'
