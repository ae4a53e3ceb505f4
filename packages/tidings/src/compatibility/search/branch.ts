import type { Pattern } from '../pattern/pattern.ts'
import { typeNames, type ConstraintOf, type Node, type TypeName } from '../schema/node.ts'
import type { Doubt, Literal } from './goal.ts'

/** The names among which a property has to be. */
export interface Region {
  /** This one. */
  readonly name?: string
  /** Those in which the pattern is found. */
  readonly pattern?: Pattern
  /** All but these. */
  readonly outside?: { readonly names: ReadonlySet<string>; readonly patterns: readonly Pattern[] }
  /** Those that break this schema of names. */
  readonly breaks?: Node
}

/** A property that must be there, with what its value must be like. */
export interface SomeProperty {
  readonly region: Region
  readonly literals: readonly Literal[]
}

/** An item that must be there: at this position, or anywhere from it on. */
export interface SomeItem {
  readonly from: number
  readonly exact: boolean
  readonly literals: readonly Literal[]
}

/** How many items are like this. */
export interface Count {
  readonly node: Node
  readonly min: number
  readonly max: number
}

interface Bounds {
  min: number
  max: number
}

type ListRule = ConstraintOf<'prefixItems'> | ConstraintOf<'items'>
type PropertyRule =
  | ConstraintOf<'properties'>
  | ConstraintOf<'patternProperties'>
  | ConstraintOf<'additionalProperties' | 'unevaluatedProperties'>

/** One way to a goal: what a value must be like, with every alternative decided. */
export class Branch {
  readonly types = new Set<TypeName>(typeNames)
  /** Values of which it must be one. */
  values: readonly unknown[] | undefined
  readonly excluded: unknown[] = []
  readonly range = { lower: -Infinity, lowerOpen: false, upper: Infinity, upperOpen: false }
  readonly multiples: number[] = []
  readonly notMultiples: number[] = []
  readonly length: Bounds = { min: 0, max: Infinity }
  readonly patterns: { readonly pattern: Pattern; readonly found: boolean }[] = []
  readonly formats: { readonly format: string; readonly met: boolean }[] = []
  readonly items: Bounds = { min: 0, max: Infinity }
  readonly listRules: ListRule[] = []
  readonly someItems: SomeItem[] = []
  readonly counts: Count[] = []
  unique = false
  doubled = false
  readonly size: Bounds = { min: 0, max: Infinity }
  readonly propertyRules: PropertyRule[] = []
  readonly nameRules: Node[] = []
  readonly present = new Set<string>()
  readonly absent = new Set<string>()
  readonly someProperties: SomeProperty[] = []
  doubt: Doubt | undefined

  /** How much there is to copy. */
  get parts(): number {
    const { excluded, patterns, propertyRules, nameRules, listRules, someItems, someProperties, counts } = this
    const lists = [excluded, patterns, propertyRules, nameRules, listRules, someItems, someProperties, counts]
    return lists.reduce((sum, each) => sum + each.length, this.present.size + this.absent.size)
  }

  copy(): Branch {
    const copy = new Branch()
    copy.types.clear()
    for (const type of this.types) copy.types.add(type)
    copy.values = this.values
    copy.unique = this.unique
    copy.doubled = this.doubled
    copy.doubt = this.doubt
    Object.assign(copy.range, this.range)
    for (const bounds of ['length', 'items', 'size'] as const) Object.assign(copy[bounds], this[bounds])
    copy.excluded.push(...this.excluded)
    copy.multiples.push(...this.multiples)
    copy.notMultiples.push(...this.notMultiples)
    copy.patterns.push(...this.patterns)
    copy.formats.push(...this.formats)
    copy.listRules.push(...this.listRules)
    copy.someItems.push(...this.someItems)
    copy.counts.push(...this.counts)
    copy.propertyRules.push(...this.propertyRules)
    copy.nameRules.push(...this.nameRules)
    copy.someProperties.push(...this.someProperties)
    for (const name of this.present) copy.present.add(name)
    for (const name of this.absent) copy.absent.add(name)
    return copy
  }

  only(type: TypeName): void {
    for (const other of [...this.types]) if (other !== type) this.types.delete(other)
  }

  atLeast(limit: number, open: boolean): void {
    const { range } = this
    if (limit > range.lower || (limit === range.lower && open)) Object.assign(range, { lower: limit, lowerOpen: open })
  }

  atMost(limit: number, open: boolean): void {
    const { range } = this
    if (limit < range.upper || (limit === range.upper && open)) Object.assign(range, { upper: limit, upperOpen: open })
  }
}

export function narrow(bounds: Bounds, { min = 0, max = Infinity }: Partial<Bounds>): void {
  bounds.min = Math.max(bounds.min, min)
  bounds.max = Math.min(bounds.max, max)
}
