import { automatonOf } from '../pattern/automaton.ts'
import { parsePattern } from '../pattern/parse.ts'
import {
  isPlainObject,
  typeNames,
  type Assertion,
  type LimitKeyword,
  type Node,
  type Pattern,
  type TypeName,
} from './node.ts'

/** Makes the node of a schema that stands below the keyword. */
export type Inside = (raw: unknown, ...steps: readonly (string | number)[]) => Node

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
/** Some validators give them a meaning that draft 2020-12 does not know. */
const foreign = ['dependencies', 'nullable', '$recursiveRef', 'discriminator']

/** The assertions of a schema, apart from its references and what is unevaluated, with the keyword where they stand. */
export function readKeywords(raw: Readonly<Record<string, unknown>>, inside: Inside): readonly Assertion[] {
  return [
    ...readValues(raw),
    ...limits.flatMap((keyword): Assertion[] => {
      const limit = raw[keyword]
      return typeof limit === 'number' ? [{ keyword, limit }] : []
    }),
    ...readTexts(raw),
    ...readItems(raw, inside),
    ...readProperties(raw, inside),
    ...readPresence(raw, inside),
    ...readLogic(raw, inside),
    ...foreign
      .filter((keyword) => raw[keyword] !== undefined)
      .map((keyword): Assertion => ({ keyword: 'unknown', reason: `"${keyword}" is no keyword of draft 2020-12` })),
  ]
}

function readValues(raw: Readonly<Record<string, unknown>>): readonly Assertion[] {
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

function readTexts(raw: Readonly<Record<string, unknown>>): readonly Assertion[] {
  const { pattern, format } = raw
  return [
    ...(typeof pattern === 'string' ? [{ keyword: 'pattern', pattern: readPattern(pattern) } as const] : []),
    ...(typeof format === 'string' ? [{ keyword: 'format', format } as const] : []),
  ]
}

export function readPattern(source: string): Pattern {
  const expression = parsePattern(source)
  return { source, expression, automaton: expression && automatonOf(expression) }
}

function readItems(raw: Readonly<Record<string, unknown>>, inside: Inside): readonly Assertion[] {
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

function readProperties(raw: Readonly<Record<string, unknown>>, inside: Inside): readonly Assertion[] {
  const found: Assertion[] = []
  const properties = schemasOf(raw, 'properties', inside)
  const patterns = [...schemasOf(raw, 'patternProperties', inside)].map(([source, node]) => ({
    pattern: readPattern(source),
    node,
  }))
  if (properties.size > 0) found.push({ keyword: 'properties', properties })
  if (patterns.length > 0) found.push({ keyword: 'patternProperties', patterns })
  if (isSchema(raw['additionalProperties'])) {
    found.push({
      keyword: 'additionalProperties',
      names: new Set(properties.keys()),
      patterns: patterns.map(({ pattern }) => pattern),
      rest: inside(raw['additionalProperties'], 'additionalProperties'),
    })
  }
  const { propertyNames } = raw
  if (isSchema(propertyNames)) found.push({ keyword: 'propertyNames', name: inside(propertyNames, 'propertyNames') })
  return found
}

function readPresence(raw: Readonly<Record<string, unknown>>, inside: Inside): readonly Assertion[] {
  const found: Assertion[] = []
  const { required, dependentRequired } = raw
  if (Array.isArray(required) && required.length > 0) found.push({ keyword: 'required', names: [...new Set(required)] })
  if (isPlainObject(dependentRequired)) {
    const names = Object.entries(dependentRequired).filter((entry): entry is [string, string[]] =>
      Array.isArray(entry[1]),
    )
    if (names.length > 0) found.push({ keyword: 'dependentRequired', names: new Map(names) })
  }
  const schemas = schemasOf(raw, 'dependentSchemas', inside)
  if (schemas.size > 0) found.push({ keyword: 'dependentSchemas', schemas })
  return found
}

function readLogic(raw: Readonly<Record<string, unknown>>, inside: Inside): readonly Assertion[] {
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

function schemasOf(raw: Readonly<Record<string, unknown>>, keyword: string, inside: Inside): Map<string, Node> {
  const found = raw[keyword]
  if (!isPlainObject(found)) return new Map()
  return new Map(Object.entries(found).map(([name, each]) => [name, inside(each, keyword, name)]))
}

export function isSchema(value: unknown): boolean {
  return typeof value === 'boolean' || isPlainObject(value)
}
