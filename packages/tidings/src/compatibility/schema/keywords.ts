import type { Pattern } from '../pattern/pattern.ts'
import { isPlainObject, typeNames, type Assertion, type LimitKeyword, type Node, type TypeName } from './node.ts'

/** What the keywords of one schema need to be read. */
export interface Reading {
  /** Makes the node of a schema that stands below a keyword. */
  readonly inside: (raw: unknown, ...steps: readonly (string | number)[]) => Node
  readonly pattern: (source: string) => Pattern
  /** Says of something that it is not understood. */
  readonly unknown: (reason: string, said: unknown) => Assertion
}

type Raw = Readonly<Record<string, unknown>>

const limits: readonly LimitKeyword[] = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
]
/** Some validators give them a meaning that draft 2020-12 does not know, together with those keywords. */
const foreign = { dependencies: [], nullable: ['type'], $recursiveRef: [], discriminator: ['oneOf', 'anyOf'] } as const

/** The assertions of a schema, apart from its references and what is unevaluated, with the keyword where they stand. */
export function readKeywords(whole: Raw, reading: Reading): readonly Assertion[] {
  const { raw, strange } = withoutForeign(whole)
  return [
    ...readValues(raw),
    ...limits.flatMap((keyword): Assertion[] => {
      const limit = raw[keyword]
      return typeof limit === 'number' ? [{ keyword, limit }] : []
    }),
    ...readTexts(raw, reading),
    ...readItems(raw, reading),
    ...readProperties(raw, reading),
    ...readPresence(raw, reading),
    ...readLogic(raw, reading),
    ...strange.map(([keyword, said]) => reading.unknown(`"${keyword}" is no keyword of draft 2020-12`, said)),
  ]
}

/** A schema without what is not known to mean what it says, and that with the keyword that is to blame. */
function withoutForeign(whole: Raw): { readonly raw: Raw; readonly strange: readonly (readonly [string, unknown])[] } {
  const present = Object.entries(foreign).filter(([keyword]) => whole[keyword] !== undefined)
  if (present.length === 0) return { raw: whole, strange: [] }
  const left = new Set(present.flatMap(([keyword, others]) => [keyword, ...others]))
  const raw = Object.fromEntries(Object.entries(whole).filter(([keyword]) => !left.has(keyword)))
  const strange = present.map(([keyword, others]) => {
    return [keyword, [keyword, ...others].map((each) => [each, whole[each]])] as const
  })
  return { raw, strange }
}

function readValues(raw: Raw): readonly Assertion[] {
  const found: Assertion[] = []
  const { type, enum: values } = raw
  if (type !== undefined) {
    const names = (Array.isArray(type) ? type : [type]) as readonly (TypeName | 'integer')[]
    const types = new Set(names.filter((name) => name === 'integer' || typeNames.includes(name)))
    if (types.has('number')) types.delete('integer')
    found.push({ keyword: 'type', types })
  }
  if (Array.isArray(values)) found.push({ keyword: 'enum', values })
  if (Object.hasOwn(raw, 'const')) found.push({ keyword: 'const', values: [raw['const']] })
  return found
}

function readTexts(raw: Raw, reading: Reading): readonly Assertion[] {
  const { pattern, format } = raw
  return [
    ...(typeof pattern === 'string' ? [{ keyword: 'pattern', pattern: reading.pattern(pattern) } as const] : []),
    ...(typeof format === 'string' ? [{ keyword: 'format', format } as const] : []),
  ]
}

function readItems(raw: Raw, { inside }: Reading): readonly Assertion[] {
  const found: Assertion[] = []
  const { prefixItems, items, contains, minContains, maxContains, uniqueItems } = raw
  const prefix = Array.isArray(prefixItems) ? prefixItems.map((each, index) => inside(each, 'prefixItems', index)) : []
  if (prefix.length > 0) found.push({ keyword: 'prefixItems', prefix })
  if (isSchema(items)) found.push({ keyword: 'items', from: prefix.length, item: inside(items, 'items') })
  if (isSchema(contains)) {
    const min = typeof minContains === 'number' ? minContains : 1
    const max = typeof maxContains === 'number' ? maxContains : Infinity
    found.push({ keyword: 'contains', item: inside(contains, 'contains'), min, max })
  }
  if (uniqueItems === true) found.push({ keyword: 'uniqueItems' })
  return found
}

function readProperties(raw: Raw, reading: Reading): readonly Assertion[] {
  const found: Assertion[] = []
  const properties = schemasOf(raw, 'properties', reading)
  const patterns = [...schemasOf(raw, 'patternProperties', reading)].map(([source, node]) => ({
    pattern: reading.pattern(source),
    node,
  }))
  if (properties.size > 0) found.push({ keyword: 'properties', properties })
  if (patterns.length > 0) found.push({ keyword: 'patternProperties', patterns })
  if (isSchema(raw['additionalProperties'])) {
    found.push({
      keyword: 'additionalProperties',
      names: new Set(properties.keys()),
      patterns: patterns.map(({ pattern }) => pattern),
      rest: reading.inside(raw['additionalProperties'], 'additionalProperties'),
    })
  }
  const { propertyNames } = raw
  if (isSchema(propertyNames))
    found.push({ keyword: 'propertyNames', name: reading.inside(propertyNames, 'propertyNames') })
  return found
}

function readPresence(raw: Raw, reading: Reading): readonly Assertion[] {
  const found: Assertion[] = []
  const { required, dependentRequired } = raw
  if (Array.isArray(required) && required.length > 0) found.push({ keyword: 'required', names: [...new Set(required)] })
  if (isPlainObject(dependentRequired)) {
    const names = Object.entries(dependentRequired).filter((entry): entry is [string, string[]] =>
      Array.isArray(entry[1]),
    )
    if (names.length > 0) found.push({ keyword: 'dependentRequired', names: new Map(names) })
  }
  const schemas = schemasOf(raw, 'dependentSchemas', reading)
  if (schemas.size > 0) found.push({ keyword: 'dependentSchemas', schemas })
  return found
}

function readLogic(raw: Raw, { inside }: Reading): readonly Assertion[] {
  const found: Assertion[] = []
  for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
    const parts = raw[keyword]
    if (Array.isArray(parts)) found.push({ keyword, parts: parts.map((part, index) => inside(part, keyword, index)) })
  }
  if (isSchema(raw['not'])) found.push({ keyword: 'not', inner: inside(raw['not'], 'not') })
  // Alone it says nothing, but it evaluates what it names.
  if (isSchema(raw['if'])) {
    found.push({
      keyword: 'if',
      condition: inside(raw['if'], 'if'),
      then: isSchema(raw['then']) ? inside(raw['then'], 'then') : undefined,
      otherwise: isSchema(raw['else']) ? inside(raw['else'], 'else') : undefined,
    })
  }
  return found
}

function schemasOf(raw: Raw, keyword: string, { inside }: Pick<Reading, 'inside'>): Map<string, Node> {
  const found = raw[keyword]
  if (!isPlainObject(found)) return new Map()
  return new Map(Object.entries(found).map(([name, each]) => [name, inside(each, keyword, name)]))
}

export function isSchema(value: unknown): boolean {
  return typeof value === 'boolean' || isPlainObject(value)
}
