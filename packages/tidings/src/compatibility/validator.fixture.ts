import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { Validator } from './index.ts'

/** As the server compiles schemas: formats are remarks. */
export const validator: Validator = (schema) => {
  const check = new Ajv2020({ strict: false, validateFormats: false, logger: false }).compile(schema)
  return (value) => check(value) === true
}

/** A validator that holds texts to the formats that it knows. */
export const strictFormats: Validator = (schema) => {
  const compiler = new Ajv2020({ strict: false, logger: false })
  formats.default(compiler)
  const check = compiler.compile(schema)
  return (value) => check(value) === true
}
