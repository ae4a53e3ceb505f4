import type { System } from './system.ts'

/** Everything that can be compared, in the order of the tables. */
export const systems: readonly System[] = []
