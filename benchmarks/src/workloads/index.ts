import type { Workload } from './workload.ts'
import { w8 } from './w8-verifier.ts'

/** In the order of the report. */
export const workloads: readonly Workload[] = [w8]
