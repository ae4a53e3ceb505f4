import { seededRandom } from '../faults/random.ts'
import { kinds, needPython, type KindName, type Targets } from './kinds.ts'

const mostOfEach = 5

/** Chooses by the seed who is hit by what: some customers for each kind, and nobody twice. */
export function chooseTargets(options: {
  readonly seed: number
  readonly customers: readonly string[]
  readonly hasPython: boolean
}): Targets {
  const { seed, customers, hasPython } = options
  const names = Object.keys(kinds) as KindName[]
  const each = Math.min(mostOfEach, Math.floor(customers.length / names.length))
  if (each === 0) {
    throw new Error(
      `--sabotage breaks ${names.length} customers at least, and there are ${customers.length}; play more --orders.`,
    )
  }
  const random = seededRandom(seed, 'sabotage')
  const shuffled = customers
    .map((id) => ({ id, place: random() }))
    .toSorted((left, right) => left.place - right.place)
    .map(({ id }) => id)
  const chosen = names.map((name, index) => {
    const isLeftOut = !hasPython && needPython.includes(name)
    return [name, isLeftOut ? [] : shuffled.slice(index * each, (index + 1) * each)]
  })
  return Object.fromEntries(chosen) as Targets
}
