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
const many = <Part>(count: number, make: (index: number) => Part): Part[] =>
  Array.from({ length: count }, (_, index) => make(index))
const chain = Object.fromEntries(many(900, (index) => [`d${index}`, { allOf: [{ $ref: `#/$defs/d${index + 1}` }] }]))

function nested(depth: number): Record<string, unknown> {
  let schema = {}
  for (let level = 0; level < depth; level++) schema = { items: schema }
  return schema
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

  it('compiles a schema that is as wide as one may be', () => {
    const fits = compileSchema({ oneOf: many(999, (value) => ({ const: value })) })
    expect([fits(bytes('998')), fits(bytes('999'))]).toEqual([
      undefined,
      expect.stringContaining('must be equal to constant (rule #/oneOf/0/const)'),
    ])
  })

  it('compiles a definition once, however often it is referred to', () => {
    const properties = Object.fromEntries(many(450, (minimum) => [`p${minimum}`, { minimum }]))
    const referring = Object.fromEntries(many(900, (number) => [`r${number}`, { $ref: '#/$defs/one' }]))
    const fits = compileSchema({ properties: referring, $defs: { one: { properties } } })
    expect(fits(bytes('{"r899":{"p449":448}}'))).toMatch(
      /^\/r899\/p449 must be >= 449 \(rule #\/\$defs\/one\/properties\/p449\/minimum\)$/,
    )
  })

  it('says that there is no payload', () => {
    expect(compileSchema(order)(undefined)).toBe('there is no payload')
  })

  it.each([
    [{ type: 'nonsense' }, /type/],
    [{ $ref: 'https://example.com/elsewhere' }, /elsewhere/],
    [{ description: 'x'.repeat(300_000) }, /more than 262144 characters; shorten it/],
    [{ $ref: '#/$defs/d0', $defs: chain }, /refer to each other in too long a row; let fewer/],
    // What is wrong with the others as well would be said by the compiler, which must not be asked.
    [
      { oneOf: many(1_000, (minimum) => ({ minimum })), type: 'nonsense' },
      /more than 1000 .* beside .*; say values by/,
    ],
    [{ allOf: many(700, () => ({ allOf: many(6, () => ({})) })), type: 'nonsense' }, /more than 5000 .*; divide/],
    [nested(100_000), /more than 1000 .* around one part/],
  ])('refuses a schema that it cannot use', (schema, message) => {
    expect(() => compileSchema(schema)).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) as string }),
    )
  })
})
