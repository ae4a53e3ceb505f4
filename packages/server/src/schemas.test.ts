import { describe, expect, it } from 'vitest'
import { compileSchema } from './schemas.ts'

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)
const order = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://example.com/order',
  type: 'object',
  properties: { lines: { type: 'array', prefixItems: [{ $ref: '#/$defs/line' }] } },
  required: ['lines'],
  additionalProperties: false,
  $defs: { line: { type: 'object', properties: { quantity: { type: 'integer', minimum: 1 } } } },
}

describe('compileSchema()', () => {
  it('accepts what fits, of two schemas with one name too', () => {
    const fits = compileSchema(order)
    expect(fits(bytes('{"lines":[{"quantity":1}]}'))).toBeUndefined()
    expect(compileSchema({ ...order, required: [] })(bytes('{}'))).toBeUndefined()
    expect(compileSchema(true)(bytes('1'))).toBeUndefined()
  })

  it.each([
    [
      '{"lines":[{"quantity":0}]}',
      /^\/lines\/0\/quantity must be >= 1 \(rule #\/\$defs\/line\/properties\/quantity\/minimum\)$/,
    ],
    ['{}', /^\/ must have required property 'lines'/],
    ['{"lines":[],"more":1}', /additional properties \("more"\)/],
    ['{"lines":', /not well-formed JSON/],
  ])('names path and rule of what does not fit: %s', (payload, sentence) => {
    expect(compileSchema(order)(bytes(payload))).toMatch(sentence)
  })

  it('refuses what its validator has a defect with, in place of failing', () => {
    const alternatives = [{}, { properties: { a: { type: 'string' } } }]
    const check = compileSchema({ oneOf: alternatives, patternProperties: { '\\d': {} } })
    expect(check(bytes('{"a":390,"a3b":{}}'))).toMatch(/^the validator cannot apply the schema to it: /)
  })

  it('refuses a schema whose check would answer later, which lets everything in and fails where nobody waits', () => {
    expect(() => compileSchema({ $async: true, type: 'string' })).toThrow('"$async" is no keyword of JSON Schema')
  })

  it('says that there is no payload', () => {
    expect(compileSchema(order)(undefined)).toBe('there is no payload')
  })

  it.each([
    [{ type: 'nonsense' }, /type/],
    [{ $ref: 'https://example.com/elsewhere' }, /elsewhere/],
    [{ description: 'x'.repeat(300_000) }, /more than 262144/],
  ])('refuses a schema that it cannot use', (schema, message) => {
    expect(() => compileSchema(schema)).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) as string }),
    )
  })
})
