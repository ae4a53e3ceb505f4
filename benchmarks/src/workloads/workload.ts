import type { Limits } from '../limits/limits.ts'
import type { Table } from '../house/table.ts'
import type { System } from '../systems/system.ts'

/** What a run of the benchmarks asks of each workload. */
export interface Assignment {
  readonly isQuick: boolean
  /** Those that were asked for and can run here. */
  readonly systems: readonly System[]
  /** Measured in this run, on this machine. */
  readonly limits: Limits
  /** Tells whoever watches what is being done. */
  say(line: string): void
}

/** One question about speed, with the bar that the answer has to meet. */
export interface Workload {
  /** As `--only` names it: `W1`. */
  readonly id: string
  readonly title: string
  /** Measures it; a run that lost something has no speed, and says so in its row. */
  run(assignment: Assignment): Promise<readonly Table[]>
}
