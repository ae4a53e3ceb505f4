import type { CheckCompatibility } from 'tidings/broker'
import { checkCompatibility as check, type Validator } from 'tidings/compatibility'
import { makeValidator } from './validator.ts'

/** Says whether a schema may follow others, by the validator that payloads are held to. */
export const checkCompatibility = ((question) => check({ ...question, validator })) satisfies CheckCompatibility

const validator: Validator = (schema) => {
  const validate = makeValidator(schema)
  return (value) => validate(value)
}
