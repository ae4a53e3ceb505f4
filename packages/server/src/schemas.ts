import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { TidingsError } from 'tidings'
import { jsonText } from 'tidings/event'

const mostViolations = 3
const longestSchema = 262_144

/**
 * Compiles a JSON Schema (2020-12) to a check of payloads that answers `undefined` or a sentence naming path and rule.
 * A schema that is none, or that refers to another document, is refused.
 */
export function compileSchema(
  schema: Readonly<Record<string, unknown>> | boolean,
): (data: Uint8Array | undefined) => string | undefined {
  if (JSON.stringify(schema).length > longestSchema) throw refused(`it has more than ${longestSchema} characters`)
  if (typeof schema === 'object' && '$async' in schema)
    throw refused('"$async" is no keyword of JSON Schema, and a check with it would answer too late; take it out')
  // One compiler for each schema, so that two that name themselves alike don't meet.
  const compiler = new Ajv2020({ strict: false, allErrors: false, validateFormats: false })
  const validate = compile(compiler, schema)
  return (data) => {
    const text = data && jsonText(data)
    if (text === undefined) return data ? 'it is not well-formed JSON within the limits' : 'there is no payload'
    try {
      if (validate(JSON.parse(text))) return undefined
    } catch (error) {
      // The validator has defects of its own; what it cannot judge is not let in.
      return `the validator cannot apply the schema to it: ${error instanceof Error ? error.message : String(error)}`
    }
    return (validate.errors ?? []).slice(0, mostViolations).map(sentence).join('; ')
  }
}

function compile(
  compiler: Ajv2020,
  schema: Readonly<Record<string, unknown>> | boolean,
): ReturnType<Ajv2020['compile']> {
  try {
    return compiler.compile(schema)
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function sentence({ instancePath, message, schemaPath, params }: ErrorObject): string {
  const extra = 'additionalProperty' in params ? ` (${JSON.stringify(params['additionalProperty'])})` : ''
  return `${instancePath === '' ? '/' : instancePath} ${message ?? 'does not fit'}${extra} (rule ${schemaPath})`
}

function refused(reason: string, cause?: unknown): TidingsError {
  return new TidingsError('bad-request', `The schema is not a JSON Schema (2020-12) that can be used: ${reason}.`, {
    cause,
  })
}
