/** What a question may cost, in steps and not in time, so that its answer is the same on every machine. */
export class Budget {
  #left: number

  constructor(steps: number) {
    this.#left = steps
  }

  spend(steps = 1): void {
    this.#left -= steps
    if (this.#left < 0) throw new BudgetSpent('the question took more steps than one may take')
  }
}

export class BudgetSpent extends Error {}
