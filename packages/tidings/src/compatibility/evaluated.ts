import type { Answer } from './answer.ts'
import { isCovered } from './covered.ts'
import type { Constraint, Node } from './schema/node.ts'

/** Whether a schema accepts a value. */
type Ask = (node: Node, value: unknown) => Answer

/** The properties that the keywords of a schema have evaluated, itself left out; `undefined` where that is not known. */
export function evaluatedNames(
  node: Node,
  value: Readonly<Record<string, unknown>>,
  ask: Ask,
): ReadonlySet<string> | undefined {
  const names = Object.keys(value)
  return collect(node, value, ask, (constraint, inner) => {
    switch (constraint.keyword) {
      case 'properties':
        return names.filter((name) => constraint.properties.has(name))
      case 'patternProperties':
        return names.filter((name) => constraint.patterns.some(({ pattern }) => pattern.isIn(name)))
      case 'additionalProperties':
        return names.filter((name) => !isCovered(constraint, name))
      case 'unevaluatedProperties':
        return names
      case 'unevaluated':
        return inner && constraint.of === 'properties' ? names : []
      default:
        return []
    }
  })
}

/** The positions of a list that the keywords of a schema have evaluated. */
export function evaluatedItems(node: Node, value: readonly unknown[], ask: Ask): ReadonlySet<number> | undefined {
  const positions = [...value.keys()]
  return collect(node, value, ask, (constraint, inner) => {
    switch (constraint.keyword) {
      case 'prefixItems':
        return positions.slice(0, constraint.prefix.length)
      case 'items':
        return positions
      case 'contains':
        return positions.filter((position) => ask(constraint.item, value[position]))
      case 'unevaluated':
        return inner && constraint.of === 'items' ? positions : []
      default:
        return []
    }
  })
}

/** Walks the schemas that apply to the value and accept it. */
function collect<Part>(
  node: Node,
  value: unknown,
  ask: Ask,
  own: (constraint: Constraint, inner: boolean) => readonly Part[],
): ReadonlySet<Part> | undefined {
  const found = new Set<Part>()
  let known = true
  const visit = (each: Node, inner: boolean): void => {
    for (const constraint of each.constraints) {
      if (constraint.keyword === 'unknown') known = false
      for (const part of own(constraint, inner)) found.add(part)
      for (const applied of appliedBy(constraint, value, ask)) {
        const accepted = ask(applied, value)
        if (accepted === undefined) known = false
        if (accepted) visit(applied, true)
      }
    }
  }
  visit(node, false)
  return known ? found : undefined
}

function appliedBy(constraint: Constraint, value: unknown, ask: Ask): readonly Node[] {
  switch (constraint.keyword) {
    case '$ref':
    case 'allOf':
    case 'anyOf':
    case 'oneOf':
      return constraint.nodes
    case 'if': {
      const { condition, then, otherwise } = constraint
      const chosen = ask(condition, value) === false ? otherwise : then
      return chosen ? [condition, chosen] : [condition]
    }
    case 'dependentSchemas':
      return [...constraint.schemas]
        .filter(([name]) => typeof value === 'object' && value !== null && Object.hasOwn(value, name))
        .map(([, node]) => node)
    default:
      return []
  }
}
