import type { Workload } from './workload.ts'
import { w5 } from './w5-backlog.ts'
import { w10 } from './w10-memory.ts'
import { w12 } from './w12-copies.ts'
import { w7 } from './w7-outbox.ts'
import { w8 } from './w8-verifier.ts'

/** In the order of the report. */
export const workloads: readonly Workload[] = [w5, w7, w8, w10, w12]
