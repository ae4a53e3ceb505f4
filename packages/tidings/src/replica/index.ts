export type { AppliedChange } from './change.ts'
export type { Duration } from './duration.ts'
export type { Replica, ReplicaStatus } from './replica.ts'
export { createReplica, type ReplicateOptions, type RunningReplica } from './replicate.ts'
