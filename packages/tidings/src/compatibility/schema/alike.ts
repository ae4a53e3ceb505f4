import type { Budget } from '../budget.ts'
import type { OpenNode } from './constraint.ts'
import type { Constraint } from './node.ts'

/**
 * Gives nodes, and constraints, that say the same the same kind, recursive ones included: at first all are alike, then those are told
 * apart whose constraints differ, or whose inner schemas were told apart, until nothing changes. It cannot stop earlier,
 * because nodes would then count as equal that are not.
 */
export function alike(nodes: readonly OpenNode[], budget: Budget): void {
  const shapes = new Map<string, number>()
  const shaped = nodes.map((node) => node.constraints.map((each) => [each, numbered(shapes, each.shape)] as const))
  const parts = shaped.flat().reduce((sum, [{ nodes: inside }]) => sum + 1 + inside.length, nodes.length)
  let kinds = new Map<string, number>()
  let count: number
  do {
    count = kinds.size
    budget.spend(parts / 20)
    const told = new Map<string, number>()
    const next = nodes.map(({ kind }, index) => {
      const described = shaped[index]!.map(([each, shape]) => textOf(each, shape))
      return numbered(told, `${kind}:${described.sort().join(';')}`)
    })
    for (const [index, node] of nodes.entries()) node.kind = next[index]!
    kinds = told
  } while (kinds.size !== count)
  const said = new Map<string, number>()
  for (const [each, shape] of shaped.flat()) {
    // What is unevaluated depends on those beside it.
    const beside = each.keyword === 'unevaluated' ? ` beside ${each.owner.kind}` : ''
    each.kind = numbered(said, textOf(each, shape) + beside)
  }
}

function textOf({ keyword, nodes }: Constraint, shape: number): string {
  const inside = nodes.map(({ kind }) => kind)
  // The order of alternatives means nothing.
  if (keyword === 'allOf' || keyword === 'anyOf' || keyword === 'oneOf') inside.sort((one, other) => one - other)
  return `${shape} ${inside.join(',')}`
}

function numbered(known: Map<string, number>, text: string): number {
  const number = known.get(text) ?? known.size
  known.set(text, number)
  return number
}
