import type { Budget } from '../budget.ts'
import { Pattern } from '../pattern/pattern.ts'
import { type ConstraintOf, type Node } from './node.ts'
import { constraint, type OpenNode } from './constraint.ts'

/** What the schemas beside an `unevaluated…` evaluate whatever the value is; `undefined` where that depends on it. */
interface Evaluated {
  readonly names: Set<string>
  readonly patterns: Pattern[]
  /** How many items from the first on. */
  items: number
  everyProperty: boolean
}

/** Says `unevaluatedProperties` and `unevaluatedItems` as their simpler siblings wherever they mean the same. */
export function settleUnevaluated(node: OpenNode, budget: Budget): void {
  node.constraints = node.constraints.map((each) =>
    each.keyword === 'unevaluated' ? settled(node, each, budget) : each,
  )
}

function settled(node: Node, unevaluated: ConstraintOf<'unevaluated'>, budget: Budget): Node['constraints'][number] {
  const found: Evaluated = { names: new Set(), patterns: [], items: 0, everyProperty: false }
  if (!collect(node, unevaluated, found, new Set())) return unevaluated
  const { of, rest } = unevaluated
  if (of === 'items') {
    return { ...constraint({ keyword: 'items', from: found.items, item: rest }, ''), pointer: unevaluated.pointer }
  }
  const { names, patterns, everyProperty } = found
  const everywhere = everyProperty ? [new Pattern('', budget)] : patterns
  const assertion = { keyword: 'unevaluatedProperties', names, patterns: everywhere, rest } as const
  return { ...constraint(assertion, ''), pointer: unevaluated.pointer }
}

/** Adds what a node evaluates; answers `false` where that depends on the value. */
function collect(node: Node, beside: ConstraintOf<'unevaluated'>, found: Evaluated, seen: Set<Node>): boolean {
  if (seen.has(node)) return true
  seen.add(node)
  return node.constraints.every((each) => {
    switch (each.keyword) {
      case 'properties':
        for (const name of each.properties.keys()) found.names.add(name)
        return true
      case 'patternProperties':
        found.patterns.push(...each.patterns.map(({ pattern }) => pattern))
        return true
      case 'additionalProperties':
      case 'unevaluatedProperties':
        found.everyProperty = true
        return true
      case 'prefixItems':
        found.items = Math.max(found.items, each.prefix.length)
        return true
      case 'items':
        found.items = Infinity
        return true
      case 'contains':
        return beside.of === 'properties'
      case 'unevaluated':
        if (each.of === 'properties' && each !== beside) found.everyProperty = true
        if (each.of === 'items' && each !== beside) found.items = Infinity
        return true
      case '$ref':
      case 'allOf':
        return each.nodes.every((part) => collect(part, beside, found, seen))
      case 'anyOf':
      case 'oneOf':
      case 'if':
      case 'dependentSchemas':
      case 'unknown':
        return false
      default:
        return true
    }
  })
}
