import { setTimeout as pause } from 'node:timers/promises'
import type { FaultKind, PlannedFault } from './plan.ts'

export interface FaultActions {
  /** How many orders have been thanked for by mail so far. */
  progress(): number
  /** Nothing more will come: what is planned for later happens at once. */
  over(): boolean
  /** Makes it happen; resolves when the next fault may come. Kinds without an action cannot happen there. */
  readonly actions: Partial<Record<FaultKind, () => Promise<void>>>
}

const lookEveryMs = 5

/** Makes the planned faults happen, one after another, each when its moment has come. */
export async function runFaults(
  plan: readonly PlannedFault[],
  { progress, over, actions }: FaultActions,
): Promise<void> {
  for (const { kind, afterOrders, delayMs } of plan) {
    const action = actions[kind]
    if (!action) continue
    while (progress() < afterOrders && !over()) await pause(lookEveryMs)
    await pause(delayMs)
    await action()
  }
}
