import { audit } from '../audit/audit.ts'
import type { Workload } from './workload.ts'
import { w1 } from './w1-publish.ts'
import { w2 } from './w2-queue.ts'
import { w3 } from './w3-latency.ts'
import { w4 } from './w4-fan-out.ts'
import { w5 } from './w5-backlog.ts'
import { w6 } from './w6-keys.ts'
import { w7 } from './w7-outbox.ts'
import { w8 } from './w8-verifier.ts'
import { w9 } from './w9-live.ts'
import { w10 } from './w10-memory.ts'
import { w11 } from './w11-marketplace.ts'
import { w12 } from './w12-copies.ts'

/** In the order of the report. */
export const workloads: readonly Workload[] = [audit, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12]
