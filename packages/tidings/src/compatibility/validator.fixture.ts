import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { JsonSchema } from '../contract/index.ts'
import type { Validator } from './index.ts'

/** As the server compiles schemas: formats are remarks. */
export const validator: Validator = remembered(
  () => new Ajv2020({ strict: false, validateFormats: false, logger: false }),
)

/** A validator that holds texts to the formats that it knows. */
export const strictFormats: Validator = remembered(() => formats.default(new Ajv2020({ strict: false, logger: false })))

/** Making a compiler takes longer than what most tests do with it; one for several schemas must see no name twice. */
function remembered(make: () => Ajv2020): Validator {
  const shared = make()
  const compile: Validator = (schema) => {
    const named = /"\$(id|anchor|dynamicAnchor)"/.test(JSON.stringify(schema))
    const check = (named ? make() : shared).compile(schema)
    return (value) => check(value)
  }
  const known = new Map<string, (value: unknown) => boolean>()
  return (schema: JsonSchema) => {
    const text = JSON.stringify(schema)
    const check = known.get(text) ?? compile(schema)
    if (known.size < 5_000) known.set(text, check)
    return check
  }
}

/** Some schemas make ajv fail on some documents, by a circle or by a mistake in its code: it says nothing of them then. */
export function total(check: (value: unknown) => boolean): (value: unknown) => boolean | undefined {
  return (value) => {
    try {
      return check(value)
    } catch {
      return undefined
    }
  }
}
