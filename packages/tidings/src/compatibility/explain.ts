import { isCovered } from './covered.ts'
import { evaluate, meets, type Evaluation } from './evaluate.ts'
import { isPlainObject, pointerTo, type Constraint, type Node } from './schema/node.ts'

/** Which keyword refuses a value, and which part of it. */
export interface Refusal {
  readonly constraint: Constraint
  /** JSON pointer into the value. */
  readonly instance: string
  /** That part. */
  readonly value: unknown
}

/** The innermost keyword of a schema that refuses a value; `undefined` where that is not known. */
export function explain(node: Node, value: unknown, evaluation: Evaluation, instance = ''): Refusal | undefined {
  const constraint = node.constraints.find((each) => meets(each, value, evaluation) === false)
  if (!constraint) return undefined
  for (const part of partsOf(constraint, value, evaluation)) {
    const at = part.step === undefined ? instance : pointerTo(instance, part.step)
    const inner = explain(part.node, part.value, evaluation, at)
    if (inner) return inner.constraint.keyword === 'never' ? { constraint, instance: at, value } : inner
  }
  return { constraint, instance, value }
}

interface Part {
  readonly node: Node
  readonly value: unknown
  readonly step?: string | number
}

/** What of a value the schemas inside a constraint must accept. */
function partsOf(constraint: Constraint, value: unknown, evaluation: Evaluation): readonly Part[] {
  if (Array.isArray(value)) {
    if (constraint.keyword === 'prefixItems')
      return value
        .slice(0, constraint.prefix.length)
        .map((item, step) => ({ node: constraint.prefix[step]!, value: item, step }))
    if (constraint.keyword === 'items')
      return value.flatMap((item, step) =>
        step < constraint.from ? [] : [{ node: constraint.item, value: item, step }],
      )
  }
  switch (constraint.keyword) {
    case '$ref':
    case 'allOf':
      return constraint.nodes.map((node) => ({ node, value }))
    case 'if': {
      const chosen = evaluate(constraint.condition, value, evaluation) ? constraint.then : constraint.otherwise
      return chosen ? [{ node: chosen, value }] : []
    }
    default:
      return isPlainObject(value) ? membersOf(constraint, value) : []
  }
}

function membersOf(constraint: Constraint, value: Readonly<Record<string, unknown>>): readonly Part[] {
  return Object.entries(value).flatMap(([step, member]): readonly Part[] => {
    const part = (node: Node | undefined): readonly Part[] => (node ? [{ node, value: member, step }] : [])
    switch (constraint.keyword) {
      case 'properties':
        return part(constraint.properties.get(step))
      case 'patternProperties':
        return constraint.patterns.filter(({ pattern }) => pattern.isIn(step)).flatMap(({ node }) => part(node))
      case 'additionalProperties':
      case 'unevaluatedProperties':
        return isCovered(constraint, step) === false ? part(constraint.rest) : []
      case 'dependentSchemas': {
        const node = constraint.schemas.get(step)
        return node ? [{ node, value }] : []
      }
      default:
        return []
    }
  })
}
