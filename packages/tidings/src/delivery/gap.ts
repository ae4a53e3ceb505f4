import type { Passed } from './passed.ts'

/** Events that are not there any more, or cannot be read: the last of them, and how many. */
export interface Gap {
  readonly through: number
  readonly events: number
}

/**
 * Counts gaps as skipped, up to each offset that it is called with. Each is counted at its own place, because after a
 * crash the log is read again from wherever the ledger is.
 */
export function gapSkipper(passed: Passed, gaps: readonly Gap[]): (through: number) => void {
  let next = 0
  return (through) => {
    for (let gap = gaps[next]; gap && gap.through <= through; gap = gaps[++next])
      passed.add(gap.through, 'skipped', gap.events)
  }
}
