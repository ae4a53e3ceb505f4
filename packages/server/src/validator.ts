import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { TidingsError } from 'tidings'

const longestSchema = 262_144
const mostParts = 5_000
/** The compiler nests what it writes for one part into what it writes for those beside it, and ends at about 1,500. */
const mostBeside = 1_000

/** Makes the validator of a JSON Schema (2020-12) at a bounded cost. Throws `bad-request` for one that cannot be used. */
export function makeValidator(schema: Readonly<Record<string, unknown>> | boolean): ValidateFunction {
  measure(schema)
  if (typeof schema === 'object' && '$async' in schema)
    throw refused('"$async" is no keyword of JSON Schema, and a check with it would answer too late; take it out')
  // One compiler for each schema, so that two that name themselves alike don't meet. Its other ways of writing a
  // function, with definitions written out where they are referred to, cost the square of a schema.
  const options = { strict: false, allErrors: false, validateFormats: false, inlineRefs: false, verbose: true }
  try {
    return new Ajv2020({ ...options, code: { optimize: false } }).compile(schema)
  } catch (cause) {
    if (cause instanceof RangeError)
      throw refused('its definitions refer to each other in too long a row; let fewer of them lead to others', cause)
    throw refused(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** Counts without recursion and before anything else is done, because what it looks for would keep the rest busy. */
function measure(schema: unknown): void {
  const waiting = [{ part: schema, beside: 0 }]
  let parts = 0
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (next.beside > mostBeside)
      throw refused(
        `more than ${mostBeside} of its objects and lists stand beside and around one part; say values by "enum" in place of alternatives, and group properties in objects`,
      )
    if (++parts > mostParts)
      throw refused(`it has more than ${mostParts} objects and lists; divide the type into several`)
    const inside = Object.values(next.part as object).filter((each) => typeof each === 'object' && each !== null)
    for (const part of inside) waiting.push({ part, beside: next.beside + inside.length })
  }
  if (JSON.stringify(schema).length > longestSchema)
    throw refused(`it has more than ${longestSchema} characters; shorten it, or divide the type into several`)
}

function refused(reason: string, cause?: unknown): TidingsError {
  return new TidingsError('bad-request', `The schema is not a JSON Schema (2020-12) that can be used: ${reason}.`, {
    cause,
  })
}
