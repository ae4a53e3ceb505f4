import { TidingsError } from '../errors.ts'
import type { AttributeValue, Event, SubscriptionFilter } from '../event/index.ts'

export type EventMatcher = (event: Event) => boolean

/** What a filter may be made of: it is evaluated for every event, and stands in the ledger. */
const mostTypes = 100
const mostConditions = 200
const deepest = 8
const longestText = 1_024

const dialects = ['exact', 'prefix', 'suffix', 'all', 'any', 'not'] as const
type Dialect = (typeof dialects)[number]

/**
 * Makes a function of a filter, once for all events. Whatever is not a filter of the documented form, or is larger than
 * the limits, is refused as `bad-request` with the path of what is wrong; `path` names the filter itself.
 */
export function compileFilter(filter: SubscriptionFilter, path = 'filter'): EventMatcher {
  const { types, ...expression } = objectAt(filter, path)
  const compiler = new Compiler()
  const matchers: EventMatcher[] = []
  if (types !== undefined) matchers.push(ofTypes(types, `${path}.types`))
  if (Object.values(expression).some((value) => value !== undefined)) {
    matchers.push(compiler.expression(expression, path, 1))
  }
  return every(matchers)
}

function ofTypes(types: unknown, path: string): EventMatcher {
  const sound = Array.isArray(types) && types.length > 0 && types.length <= mostTypes && types.every(isText)
  if (!sound) {
    throw refusal(`"${path}" must be a list of 1 to ${mostTypes} event types; leave it out to receive all`, path)
  }
  const wanted = new Set(types)
  return ({ type }) => wanted.has(type)
}

/** Compiles expressions, counting what they are made of. */
class Compiler {
  #conditions = 0

  expression(value: unknown, path: string, depth: number): EventMatcher {
    if (depth > deepest)
      throw refusal(`"${path}" is nested deeper than ${deepest} expressions; flatten the filter`, path)
    const members = Object.entries(objectAt(value, path)).filter(([, member]) => member !== undefined)
    if (members.length === 0) throw refusal(`"${path}" is empty; it needs one of ${dialects.join(', ')}`, path)
    return every(
      members.map(([name, member]) => {
        if (isDialect(name)) return this.#dialect(name, member, `${path}.${name}`, depth)
        throw refusal(`"${path}" has the dialect ${shown(name)}, which is none of ${dialects.join(', ')}`, path)
      }),
    )
  }

  #dialect(dialect: Dialect, value: unknown, path: string, depth: number): EventMatcher {
    switch (dialect) {
      case 'exact':
        return this.#attributes(value, path, (text, wanted) => text === wanted)
      case 'prefix':
        return this.#attributes(value, path, (text, wanted) => text.startsWith(wanted))
      case 'suffix':
        return this.#attributes(value, path, (text, wanted) => text.endsWith(wanted))
      case 'all':
        return every(this.#list(value, path, depth))
      case 'any': {
        const matchers = this.#list(value, path, depth)
        return (event) => matchers.some((matches) => matches(event))
      }
      case 'not': {
        this.#count(path)
        const matches = this.expression(value, path, depth + 1)
        return (event) => !matches(event)
      }
    }
  }

  #attributes(value: unknown, path: string, compare: (text: string, wanted: string) => boolean): EventMatcher {
    const members = Object.entries(objectAt(value, path))
    if (members.length === 0) throw refusal(`"${path}" is empty; name an attribute and its text`, path)
    return every(
      members.map(([name, wanted]) => {
        this.#count(path)
        if (!/^[a-z0-9]{1,100}$/.test(name) || name === 'data') {
          throw refusal(`"${path}" names ${shown(name)}, which is not an attribute: filters see attributes only`, path)
        }
        if (!isText(wanted)) {
          const what = `"${path}.${name}" must be a text of 1 to ${longestText} characters`
          throw refusal(`${what}; numbers and booleans are written as texts, too`, path)
        }
        const attribute = attributeOf(name)
        return (event) => {
          const found = attribute(event)
          return found !== undefined && compare(String(found), wanted)
        }
      }),
    )
  }

  #list(value: unknown, path: string, depth: number): EventMatcher[] {
    if (!Array.isArray(value) || value.length === 0) {
      throw refusal(`"${path}" must be a list of at least one expression`, path)
    }
    return value.map((each, index) => {
      this.#count(path)
      return this.expression(each, `${path}[${index}]`, depth + 1)
    })
  }

  #count(path: string): void {
    if (++this.#conditions <= mostConditions) return
    throw refusal(`The filter has more than ${mostConditions} conditions, at "${path}"; make it smaller`, path)
  }
}

type Attribute = (event: Event) => AttributeValue | undefined

/** Attributes with a place of their own in an event. */
const ownPlaces: ReadonlyMap<string, Attribute> = new Map<string, Attribute>([
  ['specversion', () => '1.0'],
  ['id', ({ id }) => id],
  ['source', ({ source }) => source],
  ['type', ({ type }) => type],
  ['partitionkey', ({ key }) => key],
  ['subject', ({ subject }) => subject],
  ['time', ({ time }) => time],
  ['datacontenttype', ({ datacontenttype }) => datacontenttype],
  ['dataschema', ({ dataschema }) => dataschema],
  ['sequence', ({ sequence }) => sequence],
  ['sourceepoch', ({ sourceepoch }) => sourceepoch],
])

function attributeOf(name: string): Attribute {
  // Names such as `constructor` are attributes like any other.
  const ofExtension: Attribute = ({ extensions }) =>
    extensions && Object.hasOwn(extensions, name) ? extensions[name] : undefined
  return ownPlaces.get(name) ?? ofExtension
}

function every(matchers: readonly EventMatcher[]): EventMatcher {
  const [only] = matchers
  if (only && matchers.length === 1) return only
  return (event) => matchers.every((matches) => matches(event))
}

function isDialect(name: string): name is Dialect {
  return dialects.some((dialect) => dialect === name)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= longestText
}

function objectAt(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw refusal(`"${path}" must be an object, not ${shown(value)}`, path)
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 60) ?? typeof value
}

function refusal(message: string, path: string): TidingsError {
  return new TidingsError('bad-request', `${message}.`, { details: { path } })
}
