import { BudgetSpent } from '../budget.ts'
import type { OpenNode } from './constraint.ts'

const mostLooks = 3_000_000

/**
 * Gives nodes that say the same the same kind, recursive ones included: at first all are alike, then those are told
 * apart whose constraints differ, or whose inner schemas were told apart, until nothing changes. It cannot stop earlier,
 * because nodes would then count as equal that are not.
 */
export function alike(nodes: readonly OpenNode[]): void {
  const shapes = new Map<string, number>()
  const constraints = nodes.map((node) =>
    node.constraints.map((each) => ({ ...each, said: numbered(shapes, each.shape) })),
  )
  const looksPerRound = constraints.reduce((sum, each) => sum + 1 + each.length, 0)
  let count = 1
  for (let looks = looksPerRound; ; looks += looksPerRound) {
    if (looks > mostLooks) throw new BudgetSpent('the schema has too many parts that lead to each other')
    const kinds = new Map<string, number>()
    const next = nodes.map(({ kind }, index) => {
      const described = constraints[index]!.map(({ keyword, said, nodes }) => {
        const inside = nodes.map((node) => node.kind)
        // The order of alternatives means nothing.
        if (keyword === 'allOf' || keyword === 'anyOf' || keyword === 'oneOf') inside.sort((one, other) => one - other)
        return `${said} ${inside.join(',')}`
      })
      return numbered(kinds, `${kind}:${described.sort().join(';')}`)
    })
    for (const [index, node] of nodes.entries()) node.kind = next[index]!
    if (kinds.size === count) return
    count = kinds.size
  }
}

function numbered(known: Map<string, number>, text: string): number {
  const number = known.get(text) ?? known.size
  known.set(text, number)
  return number
}
