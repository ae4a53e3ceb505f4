export { captureTable } from './capture-table.ts'
export type { Capture, CaptureOptions } from './capture.ts'
export type { CapturePool, ReplicationClient } from './client.ts'
export type { CaptureAlarm, CaptureStats } from './report.ts'
