export {
  checkPool,
  isBusy,
  isClient,
  isFailed,
  messageOf,
  postgresCode,
  type PostgresClient,
  type PostgresNotification,
  type PostgresPool,
} from './client.ts'
export { LentClient } from './lent-client.ts'
export { resultTypes, type PostgresRow } from './results.ts'
export { checkServer, connectRefusal } from './server.ts'
