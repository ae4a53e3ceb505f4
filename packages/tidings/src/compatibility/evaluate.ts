import type { Budget } from './budget.ts'
import { canonical, equal } from './equality.ts'
import { all, any, not, type Answer } from './answer.ts'
import { isCovered } from './covered.ts'
import { evaluatedItems, evaluatedNames } from './evaluated.ts'
import {
  isPlainObject,
  type Constraint,
  type ConstraintOf,
  type LimitKeyword,
  type Node,
  type TypeName,
} from './schema/node.ts'

export interface Evaluation {
  readonly budget: Budget
  /** Whether a text or a number has a format, as far as that is known. */
  readonly format: (format: string, value: string | number) => Answer
}

/** Whether a schema accepts a value; `undefined` where that is not known here. */
export function evaluate(node: Node, value: unknown, evaluation: Evaluation): Answer {
  evaluation.budget.spend()
  return all(node.constraints, (constraint) => meets(constraint, value, evaluation))
}

/** Whether a value meets one constraint. Constraints on values of other types are met. */
export function meets(constraint: Constraint, value: unknown, evaluation: Evaluation): Answer {
  const inside = (node: Node): Answer => evaluate(node, value, evaluation)
  switch (constraint.keyword) {
    case 'never':
      return false
    case 'unknown':
      return undefined
    case 'type':
      return hasType(constraint.types, value)
    case 'enum':
    case 'const':
      evaluation.budget.spend(1 + constraint.values.length / 50)
      return constraint.values.some((each) => equal(each, value))
    case 'allOf':
      return all(constraint.parts, inside)
    case 'anyOf':
      return any(constraint.parts, inside)
    case 'oneOf':
      return exactlyOne(constraint.parts.map(inside))
    case '$ref':
      return inside(constraint.target)
    case 'not':
      return not(inside(constraint.inner))
    case 'if':
      return conditional(constraint, inside)
    case 'pattern':
      return typeof value !== 'string' || constraint.pattern.isIn(value)
    case 'format':
      return (typeof value !== 'string' && typeof value !== 'number') || evaluation.format(constraint.format, value)
    default:
      if (typeof value === 'number' || typeof value === 'string') return withinLimit(constraint, value)
      if (Array.isArray(value)) return meetsAsList(constraint, value, evaluation)
      return isPlainObject(value) ? meetsAsObject(constraint, value, evaluation) : true
  }
}

function hasType(types: ReadonlySet<TypeName | 'integer'>, value: unknown): boolean {
  return types.has(typeOf(value)) || (types.has('integer') && Number.isInteger(value))
}

function typeOf(value: unknown): TypeName {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value as TypeName
}

function exactlyOne(answers: readonly Answer[]): Answer {
  const met = answers.filter((answer) => answer === true).length
  if (met > 1) return false
  return answers.includes(undefined) ? undefined : met === 1
}

function conditional({ condition, then, otherwise }: ConstraintOf<'if'>, inside: (node: Node) => Answer): Answer {
  const holds = inside(condition)
  const thenMet = then === undefined || inside(then)
  const otherwiseMet = otherwise === undefined || inside(otherwise)
  if (holds === undefined) return thenMet === otherwiseMet ? thenMet : undefined
  return holds ? thenMet : otherwiseMet
}

function withinLimit(constraint: Constraint, value: number | string): Answer {
  if (!('limit' in constraint)) return true
  const { keyword, limit } = constraint
  if (typeof value === 'string') {
    return compare(keyword, 'Length', limit, () => Array.from(value).length)
  }
  if (keyword === 'minimum') return value >= limit
  if (keyword === 'maximum') return value <= limit
  if (keyword === 'exclusiveMinimum') return value > limit
  if (keyword === 'exclusiveMaximum') return value < limit
  return keyword !== 'multipleOf' || isMultiple(value, limit)
}

/** `undefined` where those who divide with rounding may see it otherwise than those who calculate exactly. */
export function isMultiple(value: number, limit: number): Answer {
  const quotient = value / limit
  if (!Number.isSafeInteger(Math.trunc(quotient))) return undefined
  const divides = Number.isInteger(quotient)
  if (isExact(limit)) return divides === (value % limit === 0) ? divides : undefined
  const rest = Math.abs(quotient - Math.round(quotient))
  return divides || (rest < 1e-6 + Math.abs(quotient) * 2 ** -50 ? undefined : false)
}

/** Whether a number is a binary fraction, so that dividing by it rounds nothing. */
export function isExact(limit: number): boolean {
  return Number.isSafeInteger(limit) || Number.isSafeInteger(limit * 2 ** 20)
}

function compare(keyword: LimitKeyword, what: string, limit: number, size: () => number): boolean {
  if (keyword === `min${what}`) return size() >= limit
  return keyword !== `max${what}` || size() <= limit
}

function meetsAsList(constraint: Constraint, value: readonly unknown[], evaluation: Evaluation): Answer {
  if ('limit' in constraint) return compare(constraint.keyword, 'Items', constraint.limit, () => value.length)
  switch (constraint.keyword) {
    case 'uniqueItems':
      evaluation.budget.spend(value.length)
      return new Set(value.map(canonical)).size === value.length
    case 'prefixItems':
      return all(
        constraint.prefix.slice(0, value.length).map((node, index) => [node, value[index]] as const),
        (pair) => evaluate(...pair, evaluation),
      )
    case 'items':
      return all(value.slice(constraint.from), (item) => evaluate(constraint.item, item, evaluation))
    case 'contains':
      return countWithin(
        constraint,
        value.map((item) => evaluate(constraint.item, item, evaluation)),
      )
    case 'unevaluated': {
      if (constraint.of !== 'items') return true
      const known = evaluatedItems(constraint.owner, value, (node, part) => evaluate(node, part, evaluation))
      if (known === undefined) return undefined
      return all(
        value.filter((_, index) => !known.has(index)),
        (item) => evaluate(constraint.rest, item, evaluation),
      )
    }
    default:
      return true
  }
}

function countWithin({ min, max }: { readonly min: number; readonly max: number }, answers: readonly Answer[]): Answer {
  const least = answers.filter((answer) => answer === true).length
  const most = answers.filter((answer) => answer !== false).length
  if (least >= min && most <= max) return true
  return least > max || most < min ? false : undefined
}

function meetsAsObject(
  constraint: Constraint,
  value: Readonly<Record<string, unknown>>,
  evaluation: Evaluation,
): Answer {
  const names = Object.keys(value)
  const has = (name: string): boolean => Object.hasOwn(value, name)
  const member = (node: Node, name: string): Answer => evaluate(node, value[name], evaluation)
  if ('limit' in constraint) return compare(constraint.keyword, 'Properties', constraint.limit, () => names.length)
  switch (constraint.keyword) {
    case 'required':
      return constraint.names.every(has)
    case 'dependentRequired':
      return [...constraint.names].every(([name, needed]) => !has(name) || needed.every(has))
    case 'dependentSchemas':
      return all([...constraint.schemas], ([name, node]) => !has(name) || evaluate(node, value, evaluation))
    case 'propertyNames':
      return all(names, (name) => evaluate(constraint.name, name, evaluation))
    case 'properties':
      return all(names, (name) => {
        const node = constraint.properties.get(name)
        return node === undefined || member(node, name)
      })
    case 'patternProperties':
      return all(names, (name) =>
        all(constraint.patterns, ({ pattern, node }) => any([not(pattern.isIn(name)), () => member(node, name)], call)),
      )
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return all(names, (name) => any([() => isCovered(constraint, name), () => member(constraint.rest, name)], call))
    case 'unevaluated': {
      if (constraint.of !== 'properties') return true
      const known = evaluatedNames(constraint.owner, value, (node, part) => evaluate(node, part, evaluation))
      if (known === undefined) return undefined
      return all(
        names.filter((name) => !known.has(name)),
        (name) => member(constraint.rest, name),
      )
    }
    default:
      return true
  }
}

function call(answer: Answer | (() => Answer)): Answer {
  return typeof answer === 'function' ? answer() : answer
}
