import { sampleOf, type SampleOptions } from '../compatibility/index.ts'
import type { EventType, JsonSchema } from '../contract/index.ts'
import type { Random } from '../environment/index.ts'

/** Data that the contract of a type accepts. Rejects, saying what to do, where none can be made. */
export async function sampleData(type: EventType, random: Random, options?: SampleOptions): Promise<unknown> {
  if (type.jsonSchema === undefined) {
    throw new Error(`${type.type} has no JSON Schema to make data from: give its definition one as jsonSchema.`)
  }
  const sample = sampleOf(withKey(type.jsonSchema, type.key), random, options)
  if (sample.status === 'unsatisfiable') throw new Error(`The JSON Schema of ${type.type} allows no data at all.`)
  if (sample.status === 'undecided') {
    throw new Error(`No data was found for ${type.type}: ${sample.reason}. Write the data of this test by hand.`)
  }
  const { issues } = await type.schema['~standard'].validate(sample.value)
  if (!issues) return sample.value
  throw new Error(
    `The contract of ${type.type} refuses what its JSON Schema allows: ${JSON.stringify(sample.value)} (${issues[0]?.message ?? 'refused'}). Say in its JSON Schema (jsonSchema) what it demands, or write the data of this test by hand.`,
  )
}

/** A key is neither empty nor long, whatever the schema says of its property. */
function withKey(schema: JsonSchema, key: string | undefined): JsonSchema {
  if (typeof schema === 'boolean' || key === undefined) return schema
  const demanded = { required: [key], properties: { [key]: { minLength: 1, maxLength: 100 } } }
  const others = Array.isArray(schema['allOf']) ? (schema['allOf'] as readonly unknown[]) : []
  return { ...schema, allOf: [...others, demanded] }
}
