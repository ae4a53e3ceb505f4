export { broadcast, type Broadcast, type BroadcastOptions } from './broadcast.ts'
export { consume, type ConsumeOptions, type Consumer } from './consume.ts'
export { outcomeOf, reasonOf } from './outcome.ts'
export type { Notice, Report } from './report.ts'
