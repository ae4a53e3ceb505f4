export type { Database, Dialect, MigrationSet, SqlRow, SqlValue, Transaction, TransactionOptions } from './port.ts'
