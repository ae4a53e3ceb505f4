export { captureTable } from './capture-table.ts'
export type { Capture, CaptureOptions } from './capture.ts'
export type { CapturePool, ReplicationClient } from './client.ts'
export { describeTable, type TableDescription } from './describe-table.ts'
export type { CaptureAlarm, CaptureStats } from './report.ts'
export {
  followCommits,
  type CommitFollower,
  type Followed,
  type FollowCommitsOptions,
  type FollowNote,
} from './follow-commits.ts'
