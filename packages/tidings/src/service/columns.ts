import type { JsonSchema } from '../contract/index.ts'
import type { SqlRow, SqlValue } from '../database/index.ts'

/**
 * The state of an entity from its row, by the names and types in its JSON Schema: booleans from 0 and 1, lists and
 * objects from JSON, numbers from texts (PostgreSQL's numeric), NULL as absent where null is not allowed. Without a
 * schema the row itself, NULL as it is.
 */
export function fromColumns(
  row: SqlRow,
  schema: JsonSchema | undefined,
  key: string,
  keyColumn: string = key,
): Record<string, unknown> {
  const properties = propertiesOf(schema)
  const columns = properties ? Object.keys(properties) : Object.keys(row)
  const state: Record<string, unknown> = {}
  for (const property of columns) {
    const value = row[property === key ? keyColumn : property]
    if (value === undefined) continue
    const converted = properties ? convert(value, typesOf(properties[property])) : value
    if (converted !== undefined) state[property] = converted
  }
  return state
}

/** The properties that a schema names; `undefined` where it does not say so plainly. */
export function propertyNames(schema: JsonSchema | undefined): readonly string[] | undefined {
  const properties = propertiesOf(schema)
  return properties && Object.keys(properties)
}

/** The JSON types that a schema allows for a property; `undefined` where it does not say so plainly. */
export function typesOfProperty(schema: JsonSchema | undefined, property: string): ReadonlySet<string> | undefined {
  return typesOf(propertiesOf(schema)?.[property])
}

/** Whether a property holds numbers and no texts. */
export function isNumeric(schema: JsonSchema | undefined, property: string): boolean {
  return areNumeric(typesOfProperty(schema, property))
}

function areNumeric(types: ReadonlySet<string> | undefined): boolean {
  return types !== undefined && !types.has('string') && (types.has('number') || types.has('integer'))
}

function convert(value: SqlValue, types: ReadonlySet<string> | undefined): unknown {
  if (!types) return value
  if (value === null) return types.has('null') ? null : undefined
  if (types.has('boolean') && (value === 0 || value === 1)) return value === 1
  if (areNumeric(types) && typeof value === 'string') return numberOf(value)
  const isJson = (types.has('object') || types.has('array')) && !types.has('string')
  return isJson && typeof value === 'string' ? JSON.parse(value) : value
}

/** The number in a text, as long as it holds all of its digits; otherwise the text, which the schema then refuses. */
function numberOf(text: string): number | string {
  const digits = text.replaceAll(/\D/g, '').replace(/^0+/, '')
  return digits.length <= 15 ? Number(text) : text
}

function propertiesOf(schema: JsonSchema | undefined): Readonly<Record<string, unknown>> | undefined {
  const properties = typeof schema === 'object' ? schema['properties'] : undefined
  return isObject(properties) ? properties : undefined
}

/** The JSON types that a schema allows, `undefined` where it does not say so plainly. */
function typesOf(schema: unknown): ReadonlySet<string> | undefined {
  if (!isObject(schema)) return undefined
  const { type, anyOf, const: constant, enum: values } = schema
  if (typeof type === 'string') return new Set([type])
  if (Array.isArray(type)) return new Set(type.map(String))
  if (Array.isArray(values)) return new Set(values.map(jsonType))
  if (constant !== undefined) return new Set([jsonType(constant)])
  if (!Array.isArray(anyOf)) return undefined
  const choices = anyOf.map(typesOf)
  return choices.every((choice) => choice !== undefined) ? new Set(choices.flatMap((choice) => [...choice])) : undefined
}

function jsonType(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
