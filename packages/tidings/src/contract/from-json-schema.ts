import type { JsonSchema } from './definition.ts'
import type { StandardJSONSchemaV1, StandardSchemaV1 } from './standard-schema.ts'

/**
 * A schema of a contract out of a JSON Schema (draft 2020-12) and a type that says the same, as `tidings contract add`
 * writes both. It checks nothing itself: the broker holds publishers to the JSON Schema.
 */
export function fromJsonSchema<Data>(
  jsonSchema: JsonSchema,
): StandardSchemaV1<Data, Data> & StandardJSONSchemaV1<Data, Data> {
  return {
    '~standard': {
      version: 1,
      vendor: 'tidings',
      validate: (value) => ({ value: value as Data }),
      jsonSchema: { input: () => asObject(jsonSchema), output: () => asObject(jsonSchema) },
    },
  }
}

/** Standard Schema knows schemas that are objects only. */
function asObject(schema: JsonSchema): Record<string, unknown> {
  if (typeof schema === 'object') return schema
  return schema ? {} : { not: {} }
}
