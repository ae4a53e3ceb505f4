import { expect, it } from 'vitest'
import { Budget, BudgetSpent } from './budget.ts'

it('a question ends when its steps are spent, and whatever asks afterwards', () => {
  const budget = new Budget(3)
  budget.spend()
  budget.spend(2)
  expect(() => budget.spend(0.5)).toThrow(BudgetSpent)
  expect(() => budget.spend(0)).toThrow(BudgetSpent)
})

it('a share that is spent leaves the others theirs, and what it leaves is theirs as well', () => {
  const whole = new Budget(10)
  expect(() => whole.share(2).spend(1_000)).toThrow(BudgetSpent)
  whole.share(2).spend(1)
  expect(() => whole.share(1, 2).spend(3)).toThrow(BudgetSpent)
  whole.share(1).spend(2)
  expect(() => whole.share(1).spend()).toThrow(BudgetSpent)
})
