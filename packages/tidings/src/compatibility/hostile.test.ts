import { expect, it } from 'vitest'
import type { JsonSchema } from '../contract/index.ts'
import { mulberry32 } from '../testing/index.ts'
import { checkCompatibility, sampleOf, type CompatibilityPolicy, type Validator } from './index.ts'
import { validator } from './validator.fixture.ts'

type Schema = Record<string, unknown>

function nested(
  depth: number,
  wrap: (inner: JsonSchema) => JsonSchema,
  inner: JsonSchema = { type: 'string' },
): JsonSchema {
  let schema = inner
  for (let level = 0; level < depth; level++) schema = wrap(schema)
  return schema
}

const chain = Object.fromEntries(
  Array.from({ length: 3_000 }, (_, index) => [`d${index}`, { allOf: [{ $ref: `#/$defs/d${index + 1}` }] }]),
)
const many = (count: number): Schema[] =>
  Array.from({ length: count }, (_, index) => ({
    properties: { [`p${index}`]: { const: index }, x: { minimum: index } },
  }))
const evil = '^(([a-z])+.)+[A-Z]([a-z])+$'
const looking = '^(?=.)(([a-z])+)+$'

const hostile: readonly (readonly [string, JsonSchema, JsonSchema])[] = [
  ['deep nesting', nested(100_000, (items) => ({ items })), true],
  ['deep nesting of two', nested(200, (items) => ({ items })), nested(200, (items) => ({ items }), { type: 'number' })],
  ['deep negation', nested(150, (not) => ({ not })), { type: 'number' }],
  ['a reference to itself', { $ref: '#' }, { type: 'string' }],
  [
    'references in a circle',
    { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    true,
  ],
  ['a circle through alternatives', { anyOf: [{ $ref: '#' }, { type: 'string' }] }, { type: 'string' }],
  [
    'a long chain of references',
    { $ref: '#/$defs/d0', $defs: { ...chain, d3000: { type: 'string' } } },
    { type: 'number' },
  ],
  [
    'a huge enumeration',
    { enum: Array.from({ length: 20_000 }, (_, index) => `value ${index}`) },
    { type: 'string', maxLength: 3 },
  ],
  [
    'two huge enumerations',
    { enum: Array.from({ length: 5_000 }, (_, index) => index) },
    { enum: Array.from({ length: 5_000 }, (_, index) => index + 1) },
  ],
  [
    'alternatives times alternatives',
    { allOf: Array.from({ length: 12 }, () => ({ anyOf: many(12) })) },
    { oneOf: many(12) },
  ],
  ['one of many', { oneOf: many(30) }, { oneOf: many(29) }],
  ['a pattern that goes back for ever', { type: 'string', pattern: evil }, { type: 'string', pattern: `${evil}|^b$` }],
  ['such a pattern that looks around', { type: 'string', minLength: 60 }, { type: 'string', pattern: looking }],
  ['such a pattern on a long constant', { const: `${'a'.repeat(50_000)}!` }, { type: 'string', pattern: looking }],
  ['a pattern with huge counts', { type: 'string', pattern: '^((a{1,999}){1,999}){1,999}$' }, { maxLength: 5 }],
  ['huge sizes', { type: 'array', minItems: 1e9 }, { type: 'array', maxItems: 1e8 }],
  ['huge objects', { type: 'object', minProperties: 1e9 }, { type: 'object', maxProperties: 1e8 }],
  ['huge texts', { type: 'string', minLength: 1e9 }, { type: 'string', maxLength: 1e8 }],
  ['huge steps', { type: 'number', multipleOf: 1e300 }, { type: 'number', multipleOf: 1e-300 }],
  [
    'many patterns of names',
    {
      patternProperties: Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [`^p${index}`, { minimum: index }]),
      ),
    },
    { additionalProperties: { type: 'string' } },
  ],
  [
    'a property called __proto__',
    { properties: JSON.parse('{"__proto__":{"type":"string"}}') as Schema, required: ['__proto__'] },
    { properties: JSON.parse('{"__proto__":{"type":"number"}}') as Schema },
  ],
]

it.each(hostile)('%s neither hangs nor overflows', (_, before, after) => {
  for (const policy of ['strict', 'lenient'] satisfies CompatibilityPolicy[]) {
    const { verdict, findings } = checkCompatibility({ before: [before], after, mode: 'full', policy, validator })
    for (const { witness, direction } of findings.filter((finding) => 'witness' in finding)) {
      const [writer, reader] = direction === 'backward' ? [before, after] : [after, before]
      expect([validator(writer)(witness), validator(reader)(witness)]).toEqual([true, false])
    }
    expect(verdict === 'compatible').toBe(findings.length === 0)
  }
  const sample = sampleOf(before, { next: mulberry32(1) })
  if (sample.status === 'made') expect(validator(before)(sample.value)).toBe(true)
})

const numbered = <Value>(count: number, make: (index: number) => Value): Record<string, Value> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, make(index)]))

const costly: readonly (readonly [string, JsonSchema, JsonSchema])[] = [
  [
    'thousands of alternatives',
    { type: 'number' },
    { oneOf: Array.from({ length: 3_000 }, (_, index) => ({ const: index })) },
  ],
  [
    'thousands of dependencies',
    { type: 'object', dependentRequired: numbered(4_000, (index) => [`q${index}`]) },
    { type: 'object', dependentRequired: numbered(4_000, (index) => [`r${index}`]) },
  ],
  [
    'thousands of patterns that need many states',
    { properties: numbered(2_000, (index) => ({ pattern: `^a{2900}${index}$` })) },
    { properties: numbered(2_000, (index) => ({ pattern: `^a{2900}b${index}$` })) },
  ],
  [
    'thousands of names for patterns that go back',
    { properties: Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`${'a'.repeat(30)}${index}`, {}])) },
    { patternProperties: { '^(?=.)(([a-z])+)+1$': { minimum: 1 } }, additionalProperties: { type: 'string' } },
  ],
  [
    'thousands of objects in two enumerations',
    { enum: Array.from({ length: 3_000 }, (_, index) => ({ a: index })) },
    { enum: Array.from({ length: 3_000 }, (_, index) => ({ a: index + 1 })) },
  ],
]

it.each(costly)('%s end with the steps of a question', (_, writer, reader) => {
  const agreeable: Validator = (schema) => () => schema === writer
  const question = {
    before: [writer],
    after: reader,
    mode: 'backward',
    policy: 'strict',
    validator: agreeable,
  } as const
  expect(['incompatible', 'undecided']).toContain(checkCompatibility(question).verdict)
})

it('shares the steps of one question among its comparisons, so that none leaves another without', () => {
  const [, writer, reader] = costly[0]!
  const question = { before: [reader, true], after: writer, policy: 'strict', validator: () => () => true } as const
  const { findings } = checkCompatibility({ ...question, mode: 'forward-transitive' })
  const spent = expect.stringContaining('more steps than one may take')
  expect(findings.map(({ against, message }) => [against, message])).toEqual([[0, spent]])
})

it('takes no more steps for many comparisons than for few', () => {
  const listed = (count: number) => ({ enum: Array.from({ length: count }, (_, index) => index) })
  const question = { after: listed(1_000), policy: 'strict', validator, mode: 'backward-transitive' } as const
  expect(checkCompatibility({ ...question, before: [listed(999)] }).verdict).toBe('compatible')
  const before = Array.from({ length: 50 }, (_, index) => listed(999 - index))
  expect(checkCompatibility({ ...question, before }).verdict).toBe('undecided')
})

it('gives no text to the validator that would keep it busy for ever', () => {
  const given: unknown[] = []
  const noting: Validator = () => (document) => given.push(document) > 0
  const before = [{ type: 'string', minLength: 60, pattern: '^a+!$' }]
  const after = { type: 'string', pattern: '^(a+)+$' }
  const question = { before, after, mode: 'backward', policy: 'strict', validator: noting } as const
  expect([checkCompatibility(question).verdict, given]).toEqual(['undecided', []])
})

it('answers the same for the same question, because it counts steps', () => {
  const question = {
    before: [hostile[9]![1]],
    after: hostile[9]![2],
    mode: 'backward',
    policy: 'strict',
    validator,
  } as const
  expect(checkCompatibility(question)).toEqual(checkCompatibility(question))
})
