export type { Environment, Random } from './environment.ts'
export { sleep } from './environment.ts'
export { systemEnvironment } from './system.ts'
