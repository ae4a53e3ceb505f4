import { Ajv2020 } from 'ajv/dist/2020.js'
import { assert, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonSchema } from '../contract/index.ts'
import { mulberry32 } from '../testing/index.ts'
import { embedSchema } from './index.ts'
import { RandomSchemas } from './random-schemas.fixture.ts'
import { validator } from './validator.fixture.ts'

type Check = (value: unknown) => boolean

/** What the schema accepts where it stands in another document. */
function embedded(schema: JsonSchema): Check {
  const document = { schemas: { 'a b': embedSchema(schema, '#/schemas/a%20b'), other: { $ref: '#/schemas/a%20b' } } }
  const compiler = new Ajv2020({ strict: false, validateFormats: false, logger: false })
  compiler.addSchema(document, 'document')
  const validate = compiler.getSchema('document#/schemas/other')!
  return (value) => validate(value) === true
}

/** A schema that applies itself to the same value overflows the stack of a validator. */
function total(check: Check): Check {
  return (value) => {
    try {
      return check(value)
    } catch {
      return false
    }
  }
}

test('a schema accepts in another document what it accepts alone', () => {
  const sums = { accepted: 0, refused: 0, referring: 0 }
  assert(
    property(integer({ min: 0, max: 2 ** 31 }), (seed) => {
      const random = new RandomSchemas(mulberry32(seed))
      const schema = random.document()
      const written = embedSchema(schema, '#')
      // References that lead to references in a circle.
      if (written === undefined) return
      const [alone, inside] = [total(validator(schema)), total(embedded(schema))]
      if (JSON.stringify(written).includes('"$ref"')) sums.referring++
      const documents = Array.from({ length: 8 }, () => random.value(3))
      for (const document of documents) {
        const accepts = alone(document)
        sums[accepts ? 'accepted' : 'refused']++
        expect(inside(document), JSON.stringify({ schema, document })).toBe(accepts)
      }
    }),
    { numRuns: 60, seed: 1, endOnFailure: true },
  )
  expect(Math.min(...Object.values(sums)), JSON.stringify(sums)).toBeGreaterThan(8)
})

const text = { type: 'string' }

test.each<[string, JsonSchema]>([
  [
    'a resource of its own',
    { $id: 'https://example.com/a', properties: { x: { $ref: 'b' } }, $defs: { b: { $id: 'b', type: 'string' } } },
  ],
  [
    'an anchor in one',
    {
      properties: { x: { $ref: 'urn:x:b#t' } },
      $defs: { b: { $id: 'urn:x:b', $defs: { t: { $anchor: 't', ...text } } } },
    },
  ],
  [
    'properties with the names of keywords',
    {
      properties: { x: text, $id: true, $anchor: text, allOf: true, const: true },
      dependentRequired: { $id: ['$anchor'], allOf: ['x'] },
    },
  ],
  [
    'an anchor that another schema has as well',
    { $anchor: 'same', properties: { x: { $ref: '#/$defs/t' } }, $defs: { t: text } },
  ],
])('a schema with %s means the same elsewhere', (_, schema) => {
  const [alone, inside] = [validator(schema), embedded(schema)]
  const documents = [{ x: 'a' }, { x: 1 }, { $id: 1 }, { $id: 1, $anchor: 'a' }, { $id: 1, $anchor: 1 }, { allOf: 1 }]
  expect(documents.map(inside)).toEqual(documents.map(alone))
  expect(documents.map(inside).slice(0, 2)).toEqual([true, false])
  expect(JSON.stringify(embedSchema(schema, '#/x'))).not.toMatch(/"\$ref":"(?!#\/x)/)
})

test.each<[string, JsonSchema]>([
  [
    'references lead in a circle',
    { properties: { x: { $ref: '#/$defs/a' } }, $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
  ],
  ['a reference leads to nothing', { properties: { x: { $ref: '#/$defs/a' } } }],
  ['a reference leads out of the schema', { $ref: 'https://example.com/a.json' }],
])('a schema is written nowhere else where %s', (_, schema) => {
  expect(embedSchema(schema, '#/x')).toBeUndefined()
})
