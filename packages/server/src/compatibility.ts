import { Ajv2020 } from 'ajv/dist/2020.js'
import type { CheckCompatibility } from 'tidings/broker'
import { checkCompatibility as check, type Validator } from 'tidings/compatibility'

/** Says whether a schema may follow others, by the validator that payloads are held to. */
export const checkCompatibility = ((question) => check({ ...question, validator })) satisfies CheckCompatibility

const validator: Validator = (schema) => {
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
  return (value) => validate(value)
}
