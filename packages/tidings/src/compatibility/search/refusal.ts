import { isStandardFormat } from '../formats.ts'
import { isPlainObject, type Constraint, type ConstraintOf, type LimitKeyword, type Node } from '../schema/node.ts'
import { narrow, type Branch, type Region } from './branch.ts'
import { broken, limit, met, onlyObject, type Alternative } from './demand.ts'
import type { Literal, Search } from './goal.ts'

/** Every way to break a constraint; none where it cannot be broken. */
export function waysToBreak(constraint: Constraint, search: Search): readonly Alternative[] {
  if (search.kept.has(constraint)) return []
  if ('limit' in constraint) return [breakLimit(constraint.keyword, constraint.limit)]
  switch (constraint.keyword) {
    case 'never':
      return [{ literals: [] }]
    case 'unknown':
      return [doubtful(constraint.pointer, constraint.reason)]
    case 'unevaluated':
      return [doubtful(constraint.pointer, 'what is unevaluated depends on the value')]
    case 'type':
      return [{ literals: [], narrow: (branch) => breakType(constraint, branch) }]
    case 'enum':
    case 'const':
      return breakValues(constraint.values, search)
    case 'pattern':
      return [onText((branch) => branch.patterns.push({ pattern: constraint.pattern, found: false }))]
    case 'format':
      if (search.asserts(constraint.format) === false) return []
      return breakFormat(constraint.format)
    case 'allOf':
    case '$ref':
      return constraint.nodes.map((node) => ({ literals: [broken(node)] }))
    case 'anyOf':
      return [{ literals: constraint.parts.map(broken) }]
    case 'oneOf':
      return breakOneOf(constraint.parts, search)
    case 'not':
      return [{ literals: [met(constraint.inner)] }]
    case 'if':
      return breakConditional(constraint)
    case 'uniqueItems':
    case 'prefixItems':
    case 'items':
    case 'contains':
      return breakList(constraint)
    default:
      return breakObject(constraint)
  }
}

/** The formats that JSON Schema names are about texts; others may be about numbers. */
function breakFormat(format: string): readonly Alternative[] {
  const text = onText((branch) => branch.formats.push({ format, met: false }))
  return isStandardFormat(format) ? [text] : [text, { literals: [], narrow: (branch) => branch.only('number') }]
}

function doubtful(pointer: string, reason: string): Alternative {
  return { literals: [], narrow: (branch) => (branch.doubt ??= { pointer, reason }) }
}

function onText(narrowing: (branch: Branch) => unknown): Alternative {
  return {
    literals: [],
    narrow(branch) {
      branch.only('string')
      narrowing(branch)
    },
  }
}

const opposite: Readonly<Record<Exclude<LimitKeyword, 'multipleOf'>, readonly [LimitKeyword, number]>> = {
  minimum: ['exclusiveMaximum', 0],
  maximum: ['exclusiveMinimum', 0],
  exclusiveMinimum: ['maximum', 0],
  exclusiveMaximum: ['minimum', 0],
  minLength: ['maxLength', -1],
  maxLength: ['minLength', 1],
  minItems: ['maxItems', -1],
  maxItems: ['minItems', 1],
  minProperties: ['maxProperties', -1],
  maxProperties: ['minProperties', 1],
}

function breakLimit(keyword: LimitKeyword, value: number): Alternative {
  return {
    literals: [],
    narrow(branch) {
      branch.only(typeOfLimit(keyword))
      if (keyword === 'multipleOf') branch.notMultiples.push(value)
      else limit(opposite[keyword][0], value + opposite[keyword][1], branch)
    },
  }
}

function typeOfLimit(keyword: LimitKeyword): 'string' | 'array' | 'object' | 'number' {
  if (keyword.endsWith('Length')) return 'string'
  if (keyword.endsWith('Items')) return 'array'
  return keyword.endsWith('Properties') ? 'object' : 'number'
}

function breakType({ types }: ConstraintOf<'type'>, branch: Branch): void {
  for (const type of types) if (type !== 'integer') branch.types.delete(type)
  if (types.has('integer')) branch.notMultiples.push(1)
}

/** A list or an object differs from another one in its size, in a name, or in a part. */
function breakValues(values: readonly unknown[], search: Search): readonly Alternative[] {
  const [value, ...others] = values
  if (others.length === 0 && typeof value === 'object' && value !== null) return breakValue(value, search)
  return [
    {
      literals: values
        .filter((each) => typeof each === 'object' && each !== null)
        .map((each) => broken(search.listed([each]))),
      narrow: (branch) => branch.excluded.push(...values.filter((each) => typeof each !== 'object' || each === null)),
    },
  ]
}

function breakValue(value: object, search: Search): readonly Alternative[] {
  const other = (part: unknown): readonly Literal[] => [broken(search.listed([part]))]
  if (Array.isArray(value)) {
    return [
      { literals: [], narrow: (branch) => branch.types.delete('array') },
      onList((branch) => narrow(branch.items, { max: value.length - 1 })),
      onList((branch) => narrow(branch.items, { min: value.length + 1 })),
      ...value.map((part, from) =>
        onList((branch) => branch.someItems.push({ from, exact: true, literals: other(part) })),
      ),
    ]
  }
  const members = isPlainObject(value) ? Object.entries(value) : []
  const names = new Set(members.map(([name]) => name))
  return [
    { literals: [], narrow: (branch) => branch.types.delete('object') },
    ...members.map(([name]) => onObject((branch) => branch.absent.add(name))),
    someProperty({ outside: { names, patterns: [] } }, []),
    ...members.map(([name, part]) => someProperty({ name }, other(part))),
  ]
}

function breakOneOf(parts: readonly Node[], { budget }: Search): readonly Alternative[] {
  budget.spend(parts.length ** 2 / 20)
  const pairs = parts.flatMap((one, index) => parts.slice(index + 1).map((other) => [one, other] as const))
  return [{ literals: parts.map(broken) }, ...pairs.map((pair) => ({ literals: pair.map(met) }))]
}

function breakConditional({ condition, then, otherwise }: ConstraintOf<'if'>): readonly Alternative[] {
  return [
    ...(then ? [{ literals: [met(condition), broken(then)] }] : []),
    ...(otherwise ? [{ literals: [broken(condition), broken(otherwise)] }] : []),
  ]
}

function onList(narrowing: (branch: Branch) => unknown): Alternative {
  return {
    literals: [],
    narrow(branch) {
      branch.only('array')
      narrowing(branch)
    },
  }
}

function breakList(
  constraint: ConstraintOf<'uniqueItems' | 'prefixItems' | 'items' | 'contains'> & Constraint,
): readonly Alternative[] {
  switch (constraint.keyword) {
    case 'uniqueItems':
      return [onList((branch) => (branch.doubled = true))]
    case 'prefixItems':
      return constraint.prefix.map((node, from) =>
        onList((branch) => branch.someItems.push({ from, exact: true, literals: [broken(node)] })),
      )
    case 'items': {
      const { from, item } = constraint
      if (from === Infinity) return []
      return [onList((branch) => branch.someItems.push({ from, exact: false, literals: [broken(item)] }))]
    }
    case 'contains': {
      const { item: node, min, max } = constraint
      return [
        ...(min > 0 ? [onList((branch) => branch.counts.push({ node, min: 0, max: min - 1 }))] : []),
        ...(max < Infinity ? [onList((branch) => branch.counts.push({ node, min: max + 1, max: Infinity }))] : []),
      ]
    }
  }
}

function onObject(narrowing: (branch: Branch) => unknown): Alternative {
  return {
    literals: [],
    narrow(branch) {
      narrowing(onlyObject(branch))
    },
  }
}

function someProperty(region: Region, literals: readonly Literal[]): Alternative {
  return onObject((branch) => branch.someProperties.push({ region, literals }))
}

function breakObject(constraint: Constraint): readonly Alternative[] {
  switch (constraint.keyword) {
    case 'properties':
      return [...constraint.properties].map(([name, node]) => someProperty({ name }, [broken(node)]))
    case 'patternProperties':
      return constraint.patterns.map(({ pattern, node }) => someProperty({ pattern }, [broken(node)]))
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const { names, patterns, rest } = constraint
      return [someProperty({ outside: { names, patterns } }, [broken(rest)])]
    }
    case 'propertyNames':
      return [someProperty({ breaks: constraint.name }, [])]
    case 'required':
      return constraint.names.map((name) => onObject((branch) => branch.absent.add(name)))
    case 'dependentRequired':
      return [...constraint.names].flatMap(([name, needed]) =>
        needed.map((each) => onObject((branch) => branch.present.add(name) && branch.absent.add(each))),
      )
    case 'dependentSchemas':
      return [...constraint.schemas].map(([name, node]) => ({
        literals: [broken(node)],
        narrow: (branch) => onlyObject(branch).present.add(name),
      }))
    default:
      return []
  }
}
