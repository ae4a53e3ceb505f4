import type { JsonSchema } from '../contract/index.ts'
import { isPlainObject } from './schema/node.ts'
import { byName, notSchemas, References, type Place } from './schema/references.ts'

/** They say how a schema is referred to, which the place where it stands says from then on. */
const bound = new Set(['$schema', '$id', '$anchor', '$dynamicAnchor', '$vocabulary', '$ref', '$dynamicRef', 'allOf'])

/**
 * A schema of draft 2020-12 as it stands at a place of another document, `at`: a JSON pointer as a URI fragment, like
 * `#/components/schemas/order/schema`. It means the same there: whatever it refers to, itself included, is referred to
 * from the root of that document, so that neither `$id` nor anchors are needed. A reference stands alone in its object,
 * because many readers of such documents take nothing else from there; `true` and `false` are written as objects.
 *
 * `undefined` where that cannot be said: a `$dynamicRef` may lead to several places, or a member called `$ref` is data or
 * the name of a property and would be taken for a reference by whoever reads the document, or references lead to
 * references in a circle, where such readers do not come to an end.
 */
export function embedSchema(schema: JsonSchema, at: string): JsonSchema | undefined {
  if (typeof schema === 'boolean') return schema ? {} : { not: {} }
  const references = new References(schema)
  const referenceTo = (place: Place | undefined): { readonly $ref: string } => {
    if (!place || comesBack(place, references)) throw notSayable
    return { $ref: `${at}${encodeURI(place.pointer).replaceAll('#', '%23')}` }
  }
  const referencesOf = (raw: Readonly<Record<string, unknown>>): readonly { readonly $ref: string }[] => {
    const { $ref: fixed, $dynamicRef: dynamic } = raw
    return [
      ...(fixed === undefined ? [] : [referenceTo(isText(fixed) ? references.follow(raw, fixed) : undefined)]),
      ...(dynamic === undefined
        ? []
        : [referenceTo(isText(dynamic) ? references.followDynamic(raw, dynamic) : undefined)]),
    ]
  }
  const write = (raw: unknown): unknown => {
    if (Array.isArray(raw)) return raw.map(write)
    return isPlainObject(raw) ? writeKeywords(raw) : raw
  }
  const writeKeywords = (raw: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
    const kept = Object.entries(raw)
      .filter(([keyword]) => !bound.has(keyword))
      .map(([keyword, value]) => [keyword, writeValue(keyword, value)] as const)
    const referred = referencesOf(raw)
    if (kept.length === 0 && referred.length === 1 && raw['allOf'] === undefined) return referred[0]!
    const own = write(raw['allOf'] ?? []) as readonly unknown[]
    const allOf = [...own, ...referred]
    return { ...Object.fromEntries(kept), ...(allOf.length > 0 && { allOf }) }
  }
  const writeValue = (keyword: string, value: unknown): unknown => {
    if (keyword === 'dependentRequired' || notSchemas.has(keyword)) return withoutReferences(value)
    if (!byName.has(keyword) || !isPlainObject(value)) return write(value)
    if ('$ref' in value) throw notSayable
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, write(each)]))
  }
  try {
    return write(schema) as JsonSchema
  } catch (error) {
    if (error === notSayable) return undefined
    throw error
  }
}

const notSayable = new Error('The schema cannot be said in another document.')

function comesBack(place: Place, references: References): boolean {
  const passed = new Set<unknown>()
  for (let at: Place | undefined = place; at;) {
    const { raw }: Place = at
    if (!isPlainObject(raw) || !isText(raw['$ref'])) return false
    if (passed.has(raw)) return true
    passed.add(raw)
    at = references.follow(raw, raw['$ref'])
  }
  return false
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** Data, as it is. */
function withoutReferences(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data
  if ('$ref' in data) throw notSayable
  Object.values(data).forEach(withoutReferences)
  return data
}
