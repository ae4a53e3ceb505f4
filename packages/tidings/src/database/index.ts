export type {
  Database,
  DatabaseTransaction,
  Dialect,
  MigrationSet,
  SqlRow,
  SqlValue,
  Transaction,
  TransactionOptions,
} from './port.ts'
