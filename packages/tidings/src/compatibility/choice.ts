import type { Random } from '../environment/index.ts'

/** Decides wherever several ways lead to a document. */
export interface Choice {
  /** Whether documents are to be rich and varied; otherwise each is as small as it can be. */
  readonly varied: boolean
  /** Whether values at their limits are wanted before all others. */
  readonly boundary: boolean
  /** A whole number from 0 to `count - 1`. */
  below(count: number): number
  order<Item>(items: readonly Item[]): readonly Item[]
}

/** The same, smallest document each time. */
export const smallest: Choice = { varied: false, boundary: false, below: () => 0, order: (items) => items }

export function chosenBy(random: Random, boundary = false): Choice {
  const below = (count: number): number => Math.floor(random.next() * count)
  return {
    varied: true,
    boundary,
    below,
    order(items) {
      const shuffled = [...items]
      for (let index = shuffled.length - 1; index > 0; index--) {
        const other = below(index + 1)
        ;[shuffled[index], shuffled[other]] = [shuffled[other]!, shuffled[index]!]
      }
      return shuffled
    },
  }
}
