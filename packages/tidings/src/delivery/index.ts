export type { Load } from './aside.ts'
export type { Entry, Moment } from './entry.ts'
export { Flow, type HeldBack } from './flow.ts'
export { asideKeys, parkedBehind, shardCounts, standing, type ShardCounts } from './inspect.ts'
export {
  answerKey,
  answerRange,
  crashedRange,
  deadKey,
  deadRange,
  dueKey,
  dueOf,
  editKey,
  editRange,
  exceptionRange,
  dueRange,
  parkedRange,
  filterRange,
  heldKeyRange,
  initialState,
  offsetOf,
  readEdit,
  readException,
  readState,
  scheduledRange,
  stateKey,
  unacknowledgedRange,
  unreadableRange,
  type StoredEdit,
  type StoredException,
  type StoredState,
} from './ledger-form.ts'
export { compileFilter } from './filter.ts'
export { graceMs } from './holders.ts'
export { formatLeaseToken, parseLeaseToken, type LeaseToken } from './lease-token.ts'
export type { Gap } from './gap.ts'
export { DeliveryMachine } from './machine.ts'
export { Outage, type OutageStatus } from './outage.ts'
export type { SettleAction, SettleStatus } from './outcome.ts'
export { overtakenRanges } from './overtake.ts'
export {
  defaultPolicy,
  defaultRetryPolicy,
  retryDelayMs,
  type DeliveryPolicy,
  type FlowPolicy,
  type ReplayEffects,
} from './policy.ts'
export type { Stored } from './recovery.ts'
export type { ShardCommit } from './shard-state.ts'
export { asideRanges, sweptRanges } from './seek.ts'
