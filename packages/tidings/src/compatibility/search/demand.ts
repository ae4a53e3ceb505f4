import type { Constraint, ConstraintOf, LimitKeyword, Node, TypeName } from '../schema/node.ts'
import { narrow, type Branch } from './branch.ts'
import type { Literal, Search } from './goal.ts'

/** One of several ways to go on: schemas that must be met or broken, and what the branch must be like. */
export interface Alternative {
  readonly literals: readonly Literal[]
  readonly narrow?: (branch: Branch) => void
  /** The kind of the constraint that is broken by it: it cannot be where the same one is met. */
  readonly breaks?: number
}

/** What follows from a demand: at once, and by one of several alternatives each. */
export interface Demand {
  readonly literals: readonly Literal[]
  readonly choices: readonly (readonly Alternative[])[]
}

const nothing: Demand = { literals: [], choices: [] }

export const met = (node: Node): Literal => ({ node, met: true })
export const broken = (node: Node): Literal => ({ node, met: false })

/** Makes the branch meet a constraint. */
export function demand(constraint: Constraint, branch: Branch, search: Search): Demand {
  if ('limit' in constraint) {
    limit(constraint.keyword, constraint.limit, branch)
    return nothing
  }
  switch (constraint.keyword) {
    case 'allOf':
    case '$ref':
      return { literals: constraint.nodes.map(met), choices: [] }
    case 'not':
      return { literals: [broken(constraint.inner)], choices: [] }
    case 'anyOf':
      return { literals: [], choices: [constraint.parts.map((part) => ({ literals: [met(part)] }))] }
    case 'oneOf':
      return { literals: [], choices: [oneOf(constraint.parts)] }
    case 'if':
      return constraint.then || constraint.otherwise ? { literals: [], choices: [conditional(constraint)] } : nothing
    case 'dependentRequired':
      return { literals: [], choices: [...constraint.names].map(([name, needed]) => dependent(name, [], needed)) }
    case 'dependentSchemas':
      return { literals: [], choices: [...constraint.schemas].map(([name, node]) => dependent(name, [met(node)], [])) }
    default:
      note(constraint, branch, search)
      return nothing
  }
}

function oneOf(parts: readonly Node[]): readonly Alternative[] {
  return parts.map((_, chosen) => ({ literals: parts.map((node, index) => ({ node, met: index === chosen })) }))
}

function conditional({ condition, then, otherwise }: ConstraintOf<'if'>): readonly Alternative[] {
  return [
    { literals: [met(condition), ...(then ? [met(then)] : [])] },
    { literals: [broken(condition), ...(otherwise ? [met(otherwise)] : [])] },
  ]
}

function dependent(name: string, literals: readonly Literal[], needed: readonly string[]): readonly Alternative[] {
  return [
    { literals: [], narrow: (branch) => branch.types.delete('object') },
    { literals: [], narrow: (branch) => onlyObject(branch).absent.add(name) },
    {
      literals,
      narrow: (branch) => {
        for (const each of [name, ...needed]) onlyObject(branch).present.add(each)
      },
    },
  ]
}

export function onlyObject(branch: Branch): Branch {
  branch.only('object')
  return branch
}

function note(constraint: Constraint, branch: Branch, search: Search): void {
  switch (constraint.keyword) {
    case 'never':
      return branch.types.clear()
    case 'unknown':
      branch.doubt ??= { pointer: constraint.pointer, reason: constraint.reason }
      return
    case 'unevaluated':
      branch.doubt ??= { pointer: constraint.pointer, reason: 'what is unevaluated depends on the value' }
      return
    case 'type':
      return ofTypes(constraint.types, branch)
    case 'enum':
    case 'const':
      if (!branch.values || constraint.values.length < branch.values.length) branch.values = constraint.values
      return
    case 'pattern':
      branch.patterns.push({ pattern: constraint.pattern, found: true })
      return
    case 'format':
      if (search.asserts(constraint.format) !== false) branch.formats.push({ format: constraint.format, met: true })
      return
    case 'uniqueItems':
      branch.unique = true
      return
    case 'prefixItems':
    case 'items':
      branch.listRules.push(constraint)
      return
    case 'contains':
      branch.counts.push({ node: constraint.item, min: constraint.min, max: constraint.max })
      return
    case 'propertyNames':
      branch.nameRules.push(constraint.name)
      return
    case 'required':
      for (const name of constraint.names) branch.present.add(name)
      return
    case 'properties':
    case 'patternProperties':
    case 'additionalProperties':
    case 'unevaluatedProperties':
      branch.propertyRules.push(constraint)
      return
    default:
  }
}

function ofTypes(types: ReadonlySet<TypeName | 'integer'>, branch: Branch): void {
  for (const type of [...branch.types]) {
    if (!types.has(type) && !(type === 'number' && types.has('integer'))) branch.types.delete(type)
  }
  if (types.has('integer')) branch.multiples.push(1)
}

/** Limits speak of values of one type alone; of others they say nothing. */
export function limit(keyword: LimitKeyword, limit: number, branch: Branch): void {
  switch (keyword) {
    case 'minimum':
    case 'exclusiveMinimum':
      return branch.atLeast(limit, keyword === 'exclusiveMinimum')
    case 'maximum':
    case 'exclusiveMaximum':
      return branch.atMost(limit, keyword === 'exclusiveMaximum')
    case 'multipleOf':
      branch.multiples.push(limit)
      return
    case 'minLength':
      return narrow(branch.length, { min: limit })
    case 'maxLength':
      return narrow(branch.length, { max: limit })
    case 'minItems':
      return narrow(branch.items, { min: limit })
    case 'maxItems':
      return narrow(branch.items, { max: limit })
    case 'minProperties':
      return narrow(branch.size, { min: limit })
    case 'maxProperties':
      return narrow(branch.size, { max: limit })
  }
}
