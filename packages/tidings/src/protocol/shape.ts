import { TidingsError } from '../errors.ts'
import { decodeBase64, type AttributeValue } from '../event/index.ts'

/**
 * What a message may hold, written once: it reads a value from outside, refusing what does not fit by its path, and
 * says the same as JSON Schema for the description of the API.
 */
export interface Shape<Value> {
  read(value: unknown, path: string): Value
  readonly schema: Readonly<Record<string, unknown>>
}

export interface OptionalShape<Value> extends Shape<Value> {
  readonly optional: true
}

export type Fields = Readonly<Record<string, Shape<unknown>>>
export type ValueOf<S> = S extends Shape<infer Value> ? Value : never

type OptionalNames<F extends Fields> = {
  [Name in keyof F]: F[Name] extends OptionalShape<unknown> ? Name : never
}[keyof F]
export type ObjectOf<F extends Fields> = {
  -readonly [Name in Exclude<keyof F, OptionalNames<F>>]: ValueOf<F[Name]>
} & {
  -readonly [Name in OptionalNames<F>]?: ValueOf<F[Name]>
}

/** A field that may be left out. */
export function optional<Value>(shape: Shape<Value>): OptionalShape<Value> {
  return { ...shape, optional: true }
}

export function text(options: { maxLength?: number; pattern?: RegExp; description?: string } = {}): Shape<string> {
  const { maxLength = 4096, pattern } = options
  const wanted = options.description ?? `a text of at most ${maxLength} characters`
  return {
    schema: { type: 'string', maxLength, ...(pattern && { pattern: pattern.source }) },
    read(value, path) {
      if (typeof value !== 'string' || value.length > maxLength || pattern?.test(value) === false) {
        throw misfit(path, wanted, value)
      }
      return value
    },
  }
}

export function integer(minimum: number, maximum: number): Shape<number> {
  return {
    schema: { type: 'integer', minimum, maximum },
    read(value, path) {
      if (Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum)
        return value as number
      throw misfit(path, `a whole number from ${minimum} to ${maximum}`, value)
    },
  }
}

/** Any finite number within bounds; fractions are allowed. */
export function number(minimum: number, maximum: number): Shape<number> {
  return {
    schema: { type: 'number', minimum, maximum },
    read(value, path) {
      if (typeof value === 'number' && value >= minimum && value <= maximum) return value
      throw misfit(path, `a number from ${minimum} to ${maximum}`, value)
    },
  }
}

/** A whole number as it stands in a query. */
export function integerText(minimum: number, maximum: number): Shape<number> {
  const shape = integer(minimum, maximum)
  return { ...shape, read: (value, path) => shape.read(/^\d{1,15}$/.test(String(value)) ? Number(value) : value, path) }
}

export function boolean(): Shape<boolean> {
  return {
    schema: { type: 'boolean' },
    read(value, path) {
      if (typeof value === 'boolean') return value
      throw misfit(path, 'true or false', value)
    },
  }
}

export function oneOf<const Value extends string | number>(...values: readonly Value[]): Shape<Value> {
  return {
    schema: { enum: values },
    read(value, path) {
      const found = values.find((each) => each === value)
      if (found === undefined) throw misfit(path, values.map((each) => JSON.stringify(each)).join(' or '), value)
      return found
    },
  }
}

export function list<Value>(element: Shape<Value>, maximum: number): Shape<readonly Value[]> {
  return {
    schema: { type: 'array', items: element.schema, maxItems: maximum },
    read(value, path) {
      if (!Array.isArray(value) || value.length > maximum)
        throw misfit(path, `a list of at most ${maximum} elements`, value)
      return value.map((each, index) => element.read(each, `${path}[${index}]`))
    },
  }
}

/** The first shape whose `type` fits the value reads it; tells texts from lists and objects. */
export function either<Left, Right>(left: Shape<Left>, right: Shape<Right>): Shape<Left | Right> {
  return {
    schema: { anyOf: [left.schema, right.schema] },
    read: (value, path) => (typeof value === 'string' ? left.read(value, path) : right.read(value, path)),
  }
}

/** An object with any names and values of one shape. */
export function record<Value>(element: Shape<Value>, maximum: number): Shape<Readonly<Record<string, Value>>> {
  return {
    schema: { type: 'object', additionalProperties: element.schema, maxProperties: maximum },
    read(value, path) {
      const entries = Object.entries(objectAt(value, path))
      if (entries.length > maximum) throw misfit(path, `an object of at most ${maximum} members`, value)
      return Object.fromEntries(entries.map(([name, each]) => [name, element.read(each, `${path}.${name}`)]))
    },
  }
}

/** The value of an attribute of an event. */
export function attribute(): Shape<AttributeValue> {
  return {
    schema: { type: ['string', 'integer', 'boolean'] },
    read(value, path) {
      if (typeof value === 'string' || typeof value === 'boolean' || Number.isInteger(value))
        return value as AttributeValue
      throw misfit(path, 'a text, a whole number or true or false', value)
    },
  }
}

/** A text in padded base64, as it stands. */
export function base64(): Shape<string> {
  const bytes = payload()
  return {
    schema: bytes.schema,
    read(value, path) {
      bytes.read(value, path)
      return value as string
    },
  }
}

/** Bytes as padded base64, which no parser changes. */
export function payload(): Shape<Uint8Array> {
  return {
    schema: { type: 'string', contentEncoding: 'base64' },
    read(value, path) {
      const bytes = typeof value === 'string' ? decodeBase64(value) : undefined
      if (bytes) return bytes
      throw misfit(path, 'a text in padded base64', value)
    },
  }
}

/** A JSON Schema as it stands: an object or a boolean, compiled elsewhere. */
export function jsonSchema(): Shape<Readonly<Record<string, unknown>> | boolean> {
  return {
    schema: { type: ['object', 'boolean'] },
    read: (value, path) => (typeof value === 'boolean' ? value : objectAt(value, path)),
  }
}

/** An object with exactly these fields; one that is not known is refused, because it may be a known one mistyped. */
export function object<F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const names = Object.keys(fields)
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, fields[name]!.schema])),
      required: names.filter((name) => !isOptional(fields[name]!)),
      additionalProperties: false,
    },
    read(value, path) {
      const given = objectAt(value, path)
      for (const name of Object.keys(given)) {
        if (!Object.hasOwn(fields, name)) {
          const known = names.length === 0 ? 'there are no fields' : `known are ${names.join(', ')}`
          throw new TidingsError(
            'bad-request',
            `${path} has an unknown field ${JSON.stringify(name.slice(0, 60))}; ${known}.`,
          )
        }
      }
      const result: Record<string, unknown> = {}
      for (const name of names) {
        const shape = fields[name]!
        const member = Object.hasOwn(given, name) ? given[name] : undefined
        if (member === undefined && isOptional(shape)) continue
        result[name] = shape.read(member, `${path}.${name}`)
      }
      return result as ObjectOf<F>
    },
  }
}

function isOptional(shape: Shape<unknown>): boolean {
  return 'optional' in shape
}

function objectAt(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw misfit(path, 'an object', value)
}

function misfit(path: string, wanted: string, value: unknown): TidingsError {
  const found = value === undefined ? 'it is missing' : `it is ${JSON.stringify(value)?.slice(0, 60) ?? typeof value}`
  return new TidingsError('bad-request', `${path} must be ${wanted}; ${found}.`, { details: { path } })
}
