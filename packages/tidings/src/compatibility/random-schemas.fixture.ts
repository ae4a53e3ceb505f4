import type { JsonSchema } from '../contract/index.ts'

type Open = Record<string, unknown>
type Maker = (random: RandomSchemas, depth: number) => Open

const names = ['a', 'b', 'c', 'ab', 'x1']
const patterns = ['^a', 'b$', '^[a-c]+$', '^x[0-9]$', '^(a|b){1,2}$', '^.{2}$', '^(?!b)', '\\d', '^(?:ab)*$']
const scalars = [null, true, false, 0, 1, 2, -1, 1.5, 10, '', 'a', 'b', 'ab', 'x1', 'cab']
const types = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']
const formats = ['date', 'email', 'uuid', 'ipv4', 'date-time']

/** Schemas and documents made by chance, with small alphabets, so that they often have to do with each other. */
export class RandomSchemas {
  readonly #random: () => number
  /**
   * Whether there is something unevaluated. Then nothing is contained and no schema depends on a property, because ajv
   * takes what these evaluate otherwise than the specification.
   */
  readonly unevaluated: boolean

  constructor(random: () => number) {
    this.#random = random
    this.unevaluated = this.below(3) === 0
  }

  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  one<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }

  some<Item>(items: readonly Item[], most: number): Item[] {
    return [...new Set(Array.from({ length: 1 + this.below(most) }, () => this.one(items)))]
  }

  value(depth = 2): unknown {
    const kind = depth <= 0 ? 0 : this.below(6)
    if (kind === 1) return Array.from({ length: this.below(4) }, () => this.value(depth - 1))
    if (kind !== 2) return this.one(scalars)
    return Object.fromEntries(this.some(names, 3).map((name) => [name, this.value(depth - 1)]))
  }

  /** A whole schema, sometimes with definitions that it refers to, itself included. */
  document(depth = 3): JsonSchema {
    const schema = this.schema(depth)
    if (typeof schema === 'boolean') return schema
    const item =
      this.below(3) === 0 ? { properties: { next: { $ref: '#/$defs/one' }, a: this.schema(1) } } : this.schema(1)
    return { ...schema, $defs: { one: item } }
  }

  schema(depth: number): JsonSchema {
    if (depth <= 0) return this.below(8) === 0 ? this.below(2) === 0 : this.one(leaves)(this, 0)
    const makers = Array.from({ length: 1 + this.below(3) }, () => this.one(depth > 0 ? all : leaves))
    const made = Object.assign({}, ...makers.map((make) => make(this, depth - 1))) as Open
    // Beside a tuple, ajv finds what is contained in an empty list.
    if ('contains' in made) delete made['prefixItems']
    return made
  }

  changedDocument(document: JsonSchema): JsonSchema {
    const changed = this.changed(document)
    if (typeof changed === 'boolean') return changed
    return typeof document === 'boolean'
      ? { ...changed, $defs: { one: true } }
      : { ...changed, $defs: document['$defs'] }
  }

  /** The same with one thing changed somewhere. */
  changed(schema: JsonSchema): JsonSchema {
    if (typeof schema === 'boolean' || this.below(4) === 0) return this.schema(1)
    const copy: Open = structuredClone(schema)
    const keywords = Object.keys(copy).filter((keyword) => keyword !== '$defs')
    const keyword = keywords.length > 0 ? this.one(keywords) : undefined
    const inside = keyword === undefined ? undefined : copy[keyword]
    if (keyword === undefined || this.below(3) === 0) return { ...copy, ...this.one(leaves)(this, 0) }
    if (this.below(4) === 0) delete copy[keyword]
    else if (typeof inside === 'number')
      copy[keyword] = Math.max(keyword === 'multipleOf' ? 1 : 0, inside + this.one([-1, 1]))
    else if (keyword === 'properties' || keyword === 'patternProperties') {
      const properties = inside as Record<string, JsonSchema>
      const name = this.one([...Object.keys(properties), ...(keyword === 'properties' ? names : [])])
      properties[name] = this.changed(properties[name] ?? true)
    } else if (['items', 'not', 'additionalProperties', 'contains', 'if', 'then', 'else'].includes(keyword)) {
      copy[keyword] = this.changed(inside as JsonSchema)
    } else if (['allOf', 'anyOf', 'oneOf', 'prefixItems'].includes(keyword)) {
      const parts = inside as JsonSchema[]
      parts[this.below(parts.length)] = this.changed(this.one(parts))
    } else Object.assign(copy, this.one(leaves)(this, 0))
    return copy
  }
}

const bounds: Maker = (random) => ({
  [random.one(['minimum', 'exclusiveMinimum'])]: random.one([-1, 0, 0.5, 1, 2]),
  ...(random.below(2) === 0 ? { [random.one(['maximum', 'exclusiveMaximum'])]: random.one([1, 2, 2.5, 10]) } : {}),
})
const sized: Maker = (random) => {
  const what = random.one(['Length', 'Items', 'Properties'])
  return random.below(2) === 0
    ? { [`min${what}`]: random.below(3) }
    : { [`max${what}`]: random.below(4), ...(random.below(3) === 0 ? { [`min${what}`]: random.below(2) } : {}) }
}
const leaves: readonly Maker[] = [
  (random) => ({ type: random.one(types) }),
  (random) => ({ type: random.one(types) }),
  (random) => ({ type: random.some(types, 3) }),
  (random) => ({ enum: Array.from({ length: 1 + random.below(3) }, () => random.value()) }),
  (random) => ({ const: random.value() }),
  bounds,
  sized,
  (random) => ({ multipleOf: random.one([0.5, 1, 2, 3, 5]) }),
  (random) => ({ type: 'string', pattern: random.one(patterns) }),
  (random) => ({ type: 'string', format: random.one(formats) }),
  (random) => ({ required: random.some(names, 2) }),
  (random) => ({ dependentRequired: { [random.one(names)]: random.some(names, 2) } }),
  () => ({ uniqueItems: true }),
  () => ({ $ref: '#/$defs/one' }),
  () => ({}),
]
const parts = (random: RandomSchemas, depth: number): readonly JsonSchema[] =>
  Array.from({ length: 1 + random.below(3) }, () => random.schema(depth))
const rest = (random: RandomSchemas, keyword: string): Open =>
  random.unevaluated ? { [keyword]: random.below(2) === 0 ? false : random.schema(0) } : {}
const nested: readonly Maker[] = [
  (random, depth) => ({
    type: 'object',
    properties: Object.fromEntries(random.some(names, 3).map((name) => [name, random.schema(depth)])),
    ...(random.below(2) === 0 ? { required: random.some(names, 2) } : {}),
    ...(random.below(3) === 0 ? { additionalProperties: random.below(2) === 0 ? false : random.schema(depth) } : {}),
  }),
  (random, depth) => ({ properties: { [random.one(names)]: random.schema(depth) } }),
  (random, depth) => ({ patternProperties: { [random.one(patterns)]: random.schema(depth) } }),
  (random, depth) => ({ additionalProperties: random.schema(depth) }),
  (random, depth) => ({ propertyNames: random.schema(depth) }),
  (random, depth) =>
    random.unevaluated
      ? { dependentRequired: { [random.one(names)]: random.some(names, 2) } }
      : { dependentSchemas: { [random.one(names)]: random.schema(depth) } },
  (random, depth) => ({ type: 'array', items: random.schema(depth) }),
  (random, depth) => ({
    prefixItems: parts(random, depth),
    ...(random.below(2) === 0 ? { items: random.schema(depth) } : {}),
  }),
  (random, depth) =>
    random.unevaluated
      ? { items: random.schema(depth) }
      : {
          contains: random.schema(depth),
          ...(random.below(2) === 0 ? { minContains: random.below(3) } : {}),
          ...(random.below(2) === 0 ? { maxContains: 1 + random.below(2) } : {}),
        },
  (random, depth) => ({ allOf: parts(random, depth) }),
  (random, depth) => ({ anyOf: parts(random, depth) }),
  (random, depth) => ({ oneOf: parts(random, depth) }),
  (random, depth) => ({ not: random.schema(depth) }),
  (random, depth) => ({ if: random.schema(depth), then: random.schema(depth), else: random.schema(depth) }),
  (random, depth) => ({ properties: { a: random.schema(depth) }, ...rest(random, 'unevaluatedProperties') }),
  (random, depth) => ({ prefixItems: parts(random, depth), ...rest(random, 'unevaluatedItems') }),
]
const all = [...nested, ...nested, ...leaves]
