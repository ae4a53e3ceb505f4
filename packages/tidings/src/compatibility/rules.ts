import type { Refusal } from './explain.ts'
import type { Constraint } from './schema/node.ts'

/**
 * What the reader's schema refuses of what the writer's allows. The names stand in `docs/reference/compatibility.md`;
 * a rule is called the same in whichever direction it is broken.
 */
export type CompatibilityRule =
  | 'type-narrowed'
  | 'values-narrowed'
  | 'range-narrowed'
  | 'length-narrowed'
  | 'pattern-narrowed'
  | 'format-narrowed'
  | 'items-narrowed'
  | 'size-narrowed'
  | 'property-required'
  | 'property-refused'
  | 'name-refused'
  | 'alternatives-narrowed'
  | 'exclusion-added'
  | 'undecided'

export function ruleOf({ keyword }: Constraint): CompatibilityRule {
  switch (keyword) {
    case 'type':
      return 'type-narrowed'
    case 'enum':
    case 'const':
      return 'values-narrowed'
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
    case 'multipleOf':
      return 'range-narrowed'
    case 'minLength':
    case 'maxLength':
      return 'length-narrowed'
    case 'pattern':
      return 'pattern-narrowed'
    case 'format':
      return 'format-narrowed'
    case 'minItems':
    case 'maxItems':
    case 'uniqueItems':
    case 'contains':
    case 'items':
    case 'prefixItems':
      return 'items-narrowed'
    case 'minProperties':
    case 'maxProperties':
      return 'size-narrowed'
    case 'required':
    case 'dependentRequired':
      return 'property-required'
    case 'properties':
    case 'patternProperties':
    case 'additionalProperties':
    case 'unevaluatedProperties':
    case 'unevaluated':
      return 'property-refused'
    case 'propertyNames':
      return 'name-refused'
    case 'not':
    case 'never':
    case 'dependentSchemas':
      return 'exclusion-added'
    default:
      return 'alternatives-narrowed'
  }
}

/** `/age must not be more than 150`. */
export function describe({ constraint, instance, value }: Refusal): string {
  return `${instance === '' ? 'it' : instance} ${said(constraint, value)}`
}

function said(constraint: Constraint, value: unknown): string {
  switch (constraint.keyword) {
    case 'type':
      return `must be of type ${[...constraint.types].join(' or ')}`
    case 'enum':
    case 'const':
      return 'must be one of the values listed there'
    case 'pattern':
      return `must match ${constraint.pattern.source}`
    case 'format':
      return `must be of the format ${constraint.format}`
    case 'required':
      return `must have ${missing(constraint.names, value).join(', ')}`
    case 'never':
      return 'must not be there'
    case 'properties':
    case 'patternProperties':
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return 'must not be there'
    default:
      return 'limit' in constraint
        ? `must keep ${constraint.keyword} ${constraint.limit}`
        : `must keep ${constraint.keyword === 'unevaluated' ? 'what is said of the unevaluated' : constraint.keyword}`
  }
}

function missing(names: readonly string[], value: unknown): readonly string[] {
  const there = typeof value === 'object' && value !== null ? value : {}
  return names.filter((name) => !Object.hasOwn(there, name)).map((name) => JSON.stringify(name))
}
