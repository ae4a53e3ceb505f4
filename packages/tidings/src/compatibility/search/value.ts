import type { TypeName } from '../schema/node.ts'
import type { Branch } from './branch.ts'
import type { Check, Found, Goal, Search, Tally } from './goal.ts'
import { findList } from './lists.ts'
import { findNumber } from './numbers.ts'
import { findObject } from './objects.ts'
import { findTextOf } from './texts.ts'

/** Finds a value of the types that are left, or notes in the tally why there is none. */
export function valueOfBranch(
  goal: Goal,
  branch: Branch,
  search: Search,
  tally: Tally,
  check: Check,
): Found | undefined {
  if (branch.values) return oneOf(branch.values, search, check)
  for (const type of search.choice.order(preferred(branch))) {
    const found = ofType(type, goal, branch, search, tally, check)
    if (found) return found
  }
  return undefined
}

function oneOf(values: readonly unknown[], search: Search, check: Check): Found | undefined {
  for (const value of search.choice.order(values)) {
    search.budget.spend()
    const found = check(value, 'listed')
    if (found) return found
  }
  return undefined
}

/** Small values first. */
function preferred({ types }: Branch): readonly TypeName[] {
  return (['string', 'number', 'boolean', 'null', 'object', 'array'] as const).filter((type) => types.has(type))
}

function ofType(
  type: TypeName,
  goal: Goal,
  branch: Branch,
  search: Search,
  tally: Tally,
  check: Check,
): Found | undefined {
  switch (type) {
    case 'null':
    case 'boolean': {
      const values = type === 'null' ? [null] : [true, false]
      const left = values.filter((value) => !branch.excluded.includes(value))
      return oneOf(left, search, check)
    }
    case 'number':
      return findNumber(branch, search, tally, check)
    case 'string':
      return findTextOf(branch, search, tally, check)
    case 'array':
      return findList(goal, branch, search, tally, check)
    case 'object':
      return findObject(goal, branch, search, tally, check)
  }
}
