import { orderedJson } from '../../contract/index.ts'
import type { ChangedField } from '../port/contracts.ts'
import type { JsonSchema } from '../port/topics.ts'

type ObjectSchema = Readonly<Record<string, unknown>>

/** Says nothing about what is allowed. */
const annotations = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['$comment', '$id', '$schema', '$anchor', '$defs', 'definitions'],
])
/** What is walked into; a difference in any other keyword changes the whole place. */
const walked = new Set(['properties', 'required', 'items', 'additionalProperties'])
const deepest = 32
/** Definitions that refer to each other can make a tree of any size; what is not looked at is taken to be altered. */
const mostPlaces = 10_000

/**
 * Where the data of two schemas may differ, as fields of the data. It reads what schemas say, not what they mean: a
 * keyword that it does not walk into (`allOf`, `enum`, `pattern` …) and that differs makes its whole place altered.
 */
export function changedFields(before: JsonSchema, after: JsonSchema): readonly ChangedField[] {
  return [...differences(new Comparison(before, after), before, after, '', deepest)]
}

/** Whether a change removes or alters what somebody reads who reads this field. */
export function touches(before: JsonSchema, after: JsonSchema, field: string): boolean {
  const comparison = new Comparison(before, after)
  let [left, right]: readonly [JsonSchema, JsonSchema] = [before, after]
  for (const step of stepsOf(field)) {
    const next = comparison.step(left, right, step)
    if (typeof next === 'boolean') return next
    ;[left, right] = next
  }
  for (const { change } of differences(comparison, left, right, '', deepest)) if (change !== 'added') return true
  return false
}

/** The steps of a JSON pointer (RFC 6901). */
function stepsOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function* differences(
  comparison: Comparison,
  before: JsonSchema,
  after: JsonSchema,
  at: string,
  depth: number,
): Generator<ChangedField> {
  const [left, right] = [comparison.before(before), comparison.after(after)]
  if (comparison.isExhausted) return yield { field: '', change: 'altered' }
  // Where a schema refers to itself, what is below was looked at above.
  if (depth === 0 || comparison.enter(left, right)) return
  if (ownOf(left, comparison.definitionsBefore) !== ownOf(right, comparison.definitionsAfter)) {
    yield { field: at, change: 'altered' }
  }
  const names = new Set([...Object.keys(propertiesOf(left)), ...Object.keys(propertiesOf(right))])
  for (const name of names) {
    const field = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const [was, is] = [propertiesOf(left)[name], propertiesOf(right)[name]]
    if (was === undefined) yield { field, change: 'added' }
    else if (is === undefined) yield { field, change: 'removed' }
    else if (requires(left, name) !== requires(right, name)) yield { field, change: 'altered' }
    else yield* differences(comparison, was, is, field, depth - 1)
  }
  for (const keyword of ['items', 'additionalProperties'] as const) {
    const [was, is] = [left[keyword] ?? true, right[keyword] ?? true] as [JsonSchema, JsonSchema]
    if (typeof was === 'object' && typeof is === 'object') yield* differences(comparison, was, is, `${at}/*`, depth - 1)
    else if (orderedJson(was) !== orderedJson(is)) yield { field: `${at}/*`, change: 'altered' }
  }
  comparison.leave(left, right)
}

/** Two schemas that are walked through side by side, with what their references lead to. */
class Comparison {
  readonly #before: JsonSchema
  readonly #after: JsonSchema
  readonly #entered: (readonly [ObjectSchema, ObjectSchema])[] = []
  readonly #resolved = new Map<JsonSchema, ObjectSchema>()
  #places = 0
  readonly definitionsBefore: string
  readonly definitionsAfter: string

  constructor(before: JsonSchema, after: JsonSchema) {
    this.#before = before
    this.#after = after
    this.definitionsBefore = definitionsOf(before)
    this.definitionsAfter = definitionsOf(after)
  }

  get isExhausted(): boolean {
    return this.#places >= mostPlaces
  }

  before(schema: JsonSchema): ObjectSchema {
    return this.#resolve(schema, this.#before)
  }

  after(schema: JsonSchema): ObjectSchema {
    return this.#resolve(schema, this.#after)
  }

  /** The same object each time, so that it is recognised. */
  #resolve(schema: JsonSchema, root: JsonSchema): ObjectSchema {
    const known = this.#resolved.get(schema)
    if (known) return known
    const found = resolved(schema, root)
    if (typeof schema === 'object') this.#resolved.set(schema, found)
    return found
  }

  enter(left: ObjectSchema, right: ObjectSchema): boolean {
    this.#places += 1
    if (this.#entered.some(([was, is]) => was === left && is === right)) return true
    this.#entered.push([left, right])
    return false
  }

  leave(left: ObjectSchema, right: ObjectSchema): void {
    const index = this.#entered.findIndex(([was, is]) => was === left && is === right)
    this.#entered.splice(index, 1)
  }

  /** One step down on both sides; or, where that tells already, whether the change touches what is there. */
  step(before: JsonSchema, after: JsonSchema, step: string): boolean | readonly [JsonSchema, JsonSchema] {
    const [left, right] = [this.before(before), this.after(after)]
    if (ownOf(left, this.definitionsBefore) !== ownOf(right, this.definitionsAfter)) return true
    const [was, is] = [propertiesOf(left)[step], propertiesOf(right)[step]]
    if (was !== undefined || is !== undefined) {
      if (was === undefined || is === undefined || requires(left, step) !== requires(right, step)) return true
      return [was, is]
    }
    const isItem = /^(\*|\d+)$/.test(step) && ('items' in left || 'items' in right)
    const keyword = isItem ? 'items' : 'additionalProperties'
    const below = [left[keyword] ?? true, right[keyword] ?? true] as [JsonSchema, JsonSchema]
    return below.every((each) => typeof each === 'object') ? below : orderedJson(below[0]) !== orderedJson(below[1])
  }
}

/** What a place says itself, apart from what is walked into and from what only people read. */
function ownOf(schema: ObjectSchema, definitions: string): string {
  const properties = propertiesOf(schema)
  const own = Object.entries(schema).filter(([keyword]) => !annotations.has(keyword) && !walked.has(keyword))
  const required = (Array.isArray(schema['required']) ? (schema['required'] as string[]) : [])
    .filter((name) => properties[name] === undefined)
    .toSorted()
  const text = orderedJson([Object.fromEntries(own), required])
  // What it refers to from inside of such a keyword belongs to what it says.
  return text.includes('"$ref"') ? `${text} ${definitions}` : text
}

function propertiesOf(schema: ObjectSchema): Readonly<Record<string, JsonSchema>> {
  const { properties } = schema
  return typeof properties === 'object' && properties !== null ? (properties as Record<string, JsonSchema>) : {}
}

function requires(schema: ObjectSchema, name: string): boolean {
  return Array.isArray(schema['required']) && schema['required'].includes(name)
}

function definitionsOf(schema: JsonSchema): string {
  return typeof schema === 'object' ? orderedJson([schema['$defs'] ?? null, schema['definitions'] ?? null]) : ''
}

/** A schema with its local references followed; `true` and `false` as objects that say the same. */
function resolved(schema: JsonSchema, root: JsonSchema): ObjectSchema {
  let found = schema
  for (let times = 0; times < deepest; times++) {
    if (found === true) return allows
    if (found === false) return refuses
    const { $ref: reference } = found
    const target = typeof reference === 'string' ? follow(reference, root) : undefined
    if (target === undefined) return found
    const beside = Object.keys(found).filter((keyword) => keyword !== '$ref' && !annotations.has(keyword))
    if (beside.length > 0) return { ...found, $ref: orderedJson(target) }
    found = target
  }
  return allows
}

const allows: ObjectSchema = {}
const refuses: ObjectSchema = { not: {} }

function follow(reference: string, root: JsonSchema): JsonSchema | undefined {
  if (!reference.startsWith('#')) return undefined
  let found: unknown = root
  for (const step of stepsOf(decodeURIComponent(reference.slice(1)))) {
    found = typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[step] : undefined
  }
  return typeof found === 'boolean' || (typeof found === 'object' && found !== null) ? (found as JsonSchema) : undefined
}
