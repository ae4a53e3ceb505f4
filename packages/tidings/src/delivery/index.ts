export type { Entry, Moment } from './entry.ts'
export { parkedBehind, shardCounts, standing, type ShardCounts, type Standing } from './inspect.ts'
export {
  exceptionRange,
  initialState,
  readException,
  readState,
  stateKey,
  storeState,
  type StoredException,
  type StoredState,
} from './ledger-form.ts'
export { graceMs } from './holders.ts'
export { formatLeaseToken, parseLeaseToken, type LeaseToken } from './lease-token.ts'
export { DeliveryMachine, type Claim, type ClaimOptions } from './machine.ts'
export type { SettleAction, SettleStatus } from './outcome.ts'
export {
  defaultPolicy,
  defaultRetryPolicy,
  retryDelayMs,
  type DeliveryPolicy,
  type ReplayEffects,
  type RetryPolicy,
} from './policy.ts'
