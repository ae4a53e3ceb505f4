import type { JsonSchema } from './definition.ts'
import type { StandardJSONSchemaV1, StandardSchemaV1 } from './standard-schema.ts'

/** The JSON Schema of what a schema accepts; `undefined` where its library cannot write it. */
export function jsonSchemaOf(schema: StandardSchemaV1): JsonSchema | undefined {
  if (!hasJsonSchema(schema)) return undefined
  try {
    return schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' })
  } catch {
    // The library cannot write this schema as JSON Schema: its own publishers are held to it, foreign ones are not.
    return undefined
  }
}

function hasJsonSchema(schema: StandardSchemaV1): schema is StandardSchemaV1 & StandardJSONSchemaV1 {
  return 'jsonSchema' in schema['~standard']
}
