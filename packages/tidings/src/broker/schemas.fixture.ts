import { Ajv2020 } from 'ajv/dist/2020.js'
import { checkCompatibility as check } from '../compatibility/index.ts'
import { validator } from '../compatibility/validator.fixture.ts'
import type { CheckCompatibility, CompileSchema } from './index.ts'

/** As a server compiles schemas, with less to say. */
export const compileSchema: CompileSchema = (schema) => {
  const validate = new Ajv2020({ strict: false, validateFormats: false, logger: false }).compile(schema)
  return (data) => {
    const payload: unknown = JSON.parse(new TextDecoder().decode(data))
    return validate(payload) ? undefined : (validate.errors?.[0]?.message ?? 'it does not fit')
  }
}

export const checkCompatibility = ((question) => check({ ...question, validator })) satisfies CheckCompatibility
