import type { Pattern } from '../pattern/pattern.ts'

/** A schema as it was read: its keywords as constraints, all of which a value must meet. */
export interface Node {
  readonly id: number
  /** Where it stands in its document, as a JSON pointer. */
  readonly pointer: string
  readonly constraints: readonly Constraint[]
  /** The same for nodes that say the same, in whichever document they stand. */
  readonly kind: number
}

export type TypeName = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object'
export const typeNames: readonly TypeName[] = ['null', 'boolean', 'number', 'string', 'array', 'object']

export type LimitKeyword =
  | 'minimum'
  | 'maximum'
  | 'exclusiveMinimum'
  | 'exclusiveMaximum'
  | 'multipleOf'
  | 'minLength'
  | 'maxLength'
  | 'minItems'
  | 'maxItems'
  | 'minProperties'
  | 'maxProperties'

interface Common {
  /** Where the keyword stands. */
  readonly pointer: string
  /** The schemas inside, in an order that two equal constraints share. */
  readonly nodes: readonly Node[]
  /** Everything else that it says, as a text. */
  readonly shape: string
  /** The same for constraints that say the same. */
  kind: number
}

export type Assertion =
  | { readonly keyword: 'never' }
  | { readonly keyword: 'type'; readonly types: ReadonlySet<TypeName | 'integer'> }
  | { readonly keyword: 'enum' | 'const'; readonly values: readonly unknown[] }
  | { readonly keyword: LimitKeyword; readonly limit: number }
  | { readonly keyword: 'pattern'; readonly pattern: Pattern }
  | { readonly keyword: 'format'; readonly format: string }
  | { readonly keyword: 'uniqueItems' }
  | { readonly keyword: 'prefixItems'; readonly prefix: readonly Node[] }
  | { readonly keyword: 'items'; readonly from: number; readonly item: Node }
  | { readonly keyword: 'contains'; readonly item: Node; readonly min: number; readonly max: number }
  | { readonly keyword: 'properties'; readonly properties: ReadonlyMap<string, Node> }
  | {
      readonly keyword: 'patternProperties'
      readonly patterns: readonly { readonly pattern: Pattern; readonly node: Node }[]
    }
  | {
      readonly keyword: 'additionalProperties' | 'unevaluatedProperties'
      readonly names: ReadonlySet<string>
      readonly patterns: readonly Pattern[]
      readonly rest: Node
    }
  | { readonly keyword: 'propertyNames'; readonly name: Node }
  | { readonly keyword: 'required'; readonly names: readonly string[] }
  | { readonly keyword: 'dependentRequired'; readonly names: ReadonlyMap<string, readonly string[]> }
  | { readonly keyword: 'dependentSchemas'; readonly schemas: ReadonlyMap<string, Node> }
  | { readonly keyword: 'allOf' | 'anyOf' | 'oneOf'; readonly parts: readonly Node[] }
  | { readonly keyword: '$ref'; readonly target: Node }
  | { readonly keyword: 'not'; readonly inner: Node }
  | {
      readonly keyword: 'if'
      readonly condition: Node
      readonly then: Node | undefined
      readonly otherwise: Node | undefined
    }
  /** `unevaluatedProperties` and `unevaluatedItems` that depend on which of several schemas a value meets. */
  | { readonly keyword: 'unevaluated'; readonly of: 'properties' | 'items'; readonly rest: Node; readonly owner: Node }
  /** What is not understood here: no document is known to meet it or to break it, but it is like one that says the same. */
  | { readonly keyword: 'unknown'; readonly reason: string; readonly said: string }

export type Constraint = Assertion & Common
export type ConstraintOf<Keyword extends Assertion['keyword']> = Extract<Constraint, { readonly keyword: Keyword }>

/** `/properties/a~1b` and a step. */
export function pointerTo(pointer: string, step: string | number): string {
  return `${pointer}/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
