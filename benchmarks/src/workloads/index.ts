import { audit } from '../audit/audit.ts'
import type { Workload } from './workload.ts'
import { w1 } from './w1-publish.ts'
import { w2 } from './w2-queue.ts'
import { w3 } from './w3-latency.ts'
import { w4 } from './w4-fan-out.ts'
import { w8 } from './w8-verifier.ts'

/** In the order of the report. */
export const workloads: readonly Workload[] = [audit, w1, w2, w3, w4, w8]
