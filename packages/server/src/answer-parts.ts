/** A JSON Schema of the description of the API. */
export type JsonSchemaObject = Readonly<Record<string, unknown>>

export const text = { type: 'string' }
export const whole = { type: 'integer', minimum: 0 }
export const flag = { type: 'boolean' }

/** An object whose members are all there, but for those whose name ends in `?`. More may be added to it later. */
export function members(properties: JsonSchemaObject): JsonSchemaObject {
  const names = Object.keys(properties)
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name.replace('?', ''), properties[name]])),
    required: names.filter((name) => !name.endsWith('?')),
  }
}

export function listOf(items: JsonSchemaObject): JsonSchemaObject {
  return { type: 'array', items }
}

export function oneOf(...values: readonly string[]): JsonSchemaObject {
  return { enum: values }
}

export function component(name: string): JsonSchemaObject {
  return { $ref: `#/components/schemas/${name}` }
}
