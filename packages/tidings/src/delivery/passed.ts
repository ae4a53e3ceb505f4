export type PassedCount = 'filtered' | 'skipped'

/** Events that need nobody: not kept, only counted, once the ledger speaks for the log up to them. */
export class Passed {
  #waiting: { readonly through: number; readonly count: PassedCount; readonly events: number }[] = []

  add(through: number, count: PassedCount, events = 1): void {
    this.#waiting.push({ through, count, events })
  }

  /** Moves what lies at or below `through` to the counts that the ledger keeps. */
  countThrough(through: number, counts: Record<PassedCount, number>): void {
    let counted = 0
    for (const passed of this.#waiting) {
      if (passed.through > through) break
      counts[passed.count] += passed.events
      counted++
    }
    this.#waiting.splice(0, counted)
  }

  /** How many are not counted yet. */
  waiting(count: PassedCount): number {
    return this.#waiting.reduce((total, passed) => total + (passed.count === count ? passed.events : 0), 0)
  }

  clear(): void {
    this.#waiting = []
  }
}
