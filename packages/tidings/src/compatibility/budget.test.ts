import { expect, it } from 'vitest'
import { Budget, BudgetSpent } from './budget.ts'

it('a question ends when its steps are spent, and whatever asks afterwards', () => {
  const budget = new Budget(3)
  budget.spend()
  budget.spend(2)
  expect(() => budget.spend(0.5)).toThrow(BudgetSpent)
  expect(() => budget.spend(0)).toThrow(BudgetSpent)
})
