import type { Budget } from '../budget.ts'
import { all, any, type Answer } from '../answer.ts'
import { equal } from '../equality.ts'
import { isCovered } from '../covered.ts'
import type { Pattern } from '../pattern/pattern.ts'
import { isPlainObject, type Constraint, type Node } from '../schema/node.ts'

/** What a writer's schemas name in an object: these, those that match, or whatever comes. */
export interface Named {
  readonly names: ReadonlySet<string>
  readonly patterns: readonly Pattern[]
  readonly every: boolean
}

/** Every schema that is applied to the same value, met or not. */
function applied(writer: readonly Node[]): ReadonlySet<Node> {
  const found = new Set(writer)
  for (const node of found) {
    for (const { keyword, nodes } of node.constraints)
      if (inPlace.has(keyword)) for (const each of nodes) found.add(each)
  }
  return found
}

const inPlace = new Set(['$ref', 'allOf', 'anyOf', 'oneOf', 'if', 'dependentSchemas'])

function constraintsOf(writer: readonly Node[], budget: Budget): readonly Constraint[] {
  const found = [...applied(writer)].flatMap(({ constraints }) => constraints)
  budget.spend(found.length / 30)
  return found
}

export function namedBy(writer: readonly Node[], budget: Budget): Named {
  const names = new Set<string>()
  const patterns: Pattern[] = []
  let every = false
  for (const constraint of constraintsOf(writer, budget)) {
    switch (constraint.keyword) {
      case 'properties':
        for (const name of constraint.properties.keys()) names.add(name)
        break
      case 'required':
        for (const name of constraint.names) names.add(name)
        break
      case 'dependentRequired':
        for (const [name, needed] of constraint.names) for (const each of [name, ...needed]) names.add(each)
        break
      case 'dependentSchemas':
        for (const name of constraint.schemas.keys()) names.add(name)
        break
      case 'patternProperties':
        patterns.push(...constraint.patterns.map(({ pattern }) => pattern))
        break
      case 'additionalProperties':
      case 'unevaluatedProperties':
      case 'unevaluated':
        if (describes(constraint.rest)) every = true
        break
      default:
    }
  }
  return { names, patterns, every }
}

/** Whether a schema for the rest says anything: one that is open names nothing, one that is closed has no rest. */
function describes({ constraints }: Node): boolean {
  return constraints.length > 0 && !constraints.some(({ keyword }) => keyword === 'never')
}

/** The writer's schemas that speak of a property. */
export function writerOfProperty(writer: readonly Node[], name: string, budget: Budget): readonly Node[] {
  return constraintsOf(writer, budget).flatMap((constraint): readonly Node[] => {
    switch (constraint.keyword) {
      case 'properties': {
        const node = constraint.properties.get(name)
        return node ? [node] : []
      }
      case 'patternProperties':
        return constraint.patterns.filter(({ pattern }) => pattern.isIn(name)).map(({ node }) => node)
      case 'additionalProperties':
      case 'unevaluatedProperties':
        return isCovered(constraint, name) ? [] : [constraint.rest]
      case 'unevaluated':
        return constraint.of === 'properties' ? [constraint.rest] : []
      default:
        return []
    }
  })
}

/** The writer's schemas that speak of the item at a position. */
export function writerOfItem(writer: readonly Node[], position: number, budget: Budget): readonly Node[] {
  return constraintsOf(writer, budget).flatMap((constraint): readonly Node[] => {
    switch (constraint.keyword) {
      case 'prefixItems':
        return constraint.prefix.slice(position, position + 1)
      case 'items':
        return position >= constraint.from ? [constraint.item] : []
      case 'contains':
        return [constraint.item]
      case 'unevaluated':
        return constraint.of === 'items' ? [constraint.rest] : []
      default:
        return []
    }
  })
}

/** The position from which on the writer's schemas speak of all items alike. */
export function writerReach(writer: readonly Node[], budget: Budget): number {
  const lengths = constraintsOf(writer, budget).map((each) => (each.keyword === 'prefixItems' ? each.prefix.length : 0))
  return Math.max(0, ...lengths)
}

/** Whether the objects in a value hold only what its writer names; a value that a schema spells out holds what it holds. */
export function writes(writer: readonly Node[], value: unknown, budget: Budget): Answer {
  if (typeof value !== 'object' || value === null || spellsOut(writer, value, budget)) return true
  if (Array.isArray(value))
    return all(value.entries(), ([index, item]) => writes(writerOfItem(writer, index, budget), item, budget))
  if (!isPlainObject(value)) return true
  const named = namedBy(writer, budget)
  return all(Object.entries(value), ([name, member]) =>
    all([isNamed(named, name), writes(writerOfProperty(writer, name, budget), member, budget)], (answer) => answer),
  )
}

export function isNamed({ names, patterns, every }: Named, name: string): Answer {
  return every || names.has(name) || any(patterns, (pattern) => pattern.isIn(name))
}

function spellsOut(writer: readonly Node[], value: unknown, budget: Budget): boolean {
  return constraintsOf(writer, budget).some(
    (constraint) =>
      (constraint.keyword === 'enum' || constraint.keyword === 'const') &&
      constraint.values.some((each) => equal(each, value)),
  )
}
