/** What a question may cost, in steps and not in time, so that its answer is the same on every machine. */
export class Budget {
  #left: number
  readonly #whole: Budget | undefined

  constructor(steps: number, whole?: Budget) {
    this.#left = steps
    this.#whole = whole
  }

  spend(steps = 1): void {
    // What is refused was not spent: one large demand takes no more than what was left of the share.
    this.#whole?.spend(Math.min(steps, Math.max(0, this.#left)))
    this.#left -= steps
    if (this.#left < 0) throw new BudgetSpent('the question took more steps than one may take')
  }

  /** An equal share of what is left, for one of so many; what it leaves is there for the others. */
  share(among: number, most = Infinity): Budget {
    return new Budget(Math.min(this.#left / among, most), this)
  }
}

export class BudgetSpent extends Error {}
