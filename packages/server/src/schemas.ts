import type { ErrorObject } from 'ajv/dist/2020.js'
import { jsonText } from 'tidings/event'
import { makeValidator } from './validator.ts'

const mostViolations = 3

/**
 * Compiles a JSON Schema (2020-12) to a check of payloads that answers `undefined` or a sentence naming path and rule.
 * A schema that is none, that refers to another document or that is too large to compile is refused: `bad-request`.
 */
export function compileSchema(
  schema: Readonly<Record<string, unknown>> | boolean,
): (data: Uint8Array | undefined) => string | undefined {
  const validate = makeValidator(schema)
  return (data) => {
    const text = data && jsonText(data)
    if (text === undefined) return data ? 'it is not well-formed JSON within the limits' : 'there is no payload'
    try {
      if (validate(JSON.parse(text))) return undefined
    } catch (error) {
      // The validator has defects of its own; what it cannot judge is not let in.
      return `the validator cannot apply the schema to it: ${error instanceof Error ? error.message : String(error)}`
    }
    return (validate.errors ?? [])
      .slice(0, mostViolations)
      .map((each) => sentence(each, schema))
      .join('; ')
  }
}

function sentence(
  { instancePath, message, keyword, schemaPath, params, parentSchema }: ErrorObject,
  schema: unknown,
): string {
  const extra = 'additionalProperty' in params ? ` (${JSON.stringify(params['additionalProperty'])})` : ''
  // The validator's own path begins anew behind a reference.
  const place = typeof parentSchema === 'object' ? pointerTo(parentSchema, schema) : undefined
  const rule = place === undefined ? schemaPath : `#${place}/${keyword}`
  return `${instancePath === '' ? '/' : instancePath} ${message ?? 'does not fit'}${extra} (rule ${rule})`
}

/** JSON pointer to a part of a schema. */
function pointerTo(part: object, schema: unknown, pointer = ''): string | undefined {
  if (schema === part) return pointer
  if (typeof schema !== 'object' || schema === null) return undefined
  for (const [name, inside] of Object.entries(schema)) {
    const found = pointerTo(part, inside, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    if (found !== undefined) return found
  }
  return undefined
}
