export type { Clock, Environment, Ids, Random, Timers } from './environment.ts'
export { sleep } from './environment.ts'
export { systemEnvironment } from './system.ts'
