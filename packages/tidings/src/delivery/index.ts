export type { Entry, Moment } from './entry.ts'
export { parkedBehind, shardCounts, standing, type ShardCounts } from './inspect.ts'
export {
  exceptionRange,
  initialState,
  readException,
  readState,
  stateKey,
  type StoredException,
  type StoredState,
} from './ledger-form.ts'
export { graceMs } from './holders.ts'
export { formatLeaseToken, parseLeaseToken, type LeaseToken } from './lease-token.ts'
export { DeliveryMachine } from './machine.ts'
export type { SettleAction, SettleStatus } from './outcome.ts'
export { defaultPolicy, defaultRetryPolicy, retryDelayMs, type DeliveryPolicy, type ReplayEffects } from './policy.ts'
