import { schemaChanges, suiteSchemas } from '@tidings/tools/schema-corpus'
import { describe, expect, it, test } from 'vitest'
import type { JsonSchema } from '../contract/index.ts'
import { mulberry32 } from '../testing/index.ts'
import { Budget } from './budget.ts'
import { evaluate } from './evaluate.ts'
import { checkCompatibility, sampleOf, type Compatibility } from './index.ts'
import { readSchemas } from './schema/read.ts'
import { total, validator } from './validator.fixture.ts'

const circle = 'Its schema applies itself to the same value, on which a validator does not come to an end.'

/** Where the verdict is another one than there, and why. */
const otherwise: Readonly<
  Record<string, { readonly why: string; readonly verdicts: readonly Compatibility['verdict'][] }>
> = {
  dependent_required_recursive_property_names: { why: circle, verdicts: ['undecided', 'undecided'] },
  same_value_recursive_applicator_narrowed: { why: circle, verdicts: ['undecided', 'undecided'] },
  recursive_allof_enum_not_empty: { why: circle, verdicts: ['undecided', 'undecided'] },
  large_integer_enum_precision: {
    why: 'JavaScript reads both numbers as the same.',
    verdicts: ['incompatible', 'compatible'],
  },
  unsupported_subset_pattern_properties_additional_fallback: {
    why: 'There a pattern is not understood; it is one control character, and such a property may be an integer before.',
    verdicts: ['incompatible', 'compatible'],
  },
  pattern_properties_fall_back_to_additional_properties: {
    why: 'There is a witness: {"x": ""}.',
    verdicts: ['incompatible', 'compatible'],
  },
}

describe.each(schemaChanges())('the public change $name', ({ name, old, new: after, newReadsOld, oldReadsNew }) => {
  const known = [newReadsOld, oldReadsNew].map((reads) => (reads ? 'compatible' : 'incompatible'))
  it.each([
    ['backward', 0],
    ['forward', 1],
  ] as const)('is judged as there, or it is known why not: %s', (mode, index) => {
    const { verdict, findings } = checkCompatibility({ before: [old], after, mode, policy: 'strict', validator })
    expect([verdict, findings]).toEqual([(otherwise[name]?.verdicts ?? known)[index], findings])
  })
})

const suite = suiteSchemas().filter(({ schema }) => !isRefused(schema))

/** The suite holds schemas that are valid, which a validator may still not take. */
function isRefused(schema: JsonSchema): boolean {
  try {
    validator(schema)
    return false
  } catch {
    return true
  }
}

test('documents of the official suite are judged as there', () => {
  let open = 0
  for (const { schema, tests } of suite) {
    const [node] = readSchemas([schema], new Budget(100_000))
    for (const [document, valid] of tests) {
      const answer = evaluate(node!, document, { budget: new Budget(10_000), format: () => true })
      if (answer === undefined) open++
      else expect([schema, document, answer]).toEqual([schema, document, valid === 1])
    }
  }
  expect(open).toBeLessThan(10)
})

test('schemas of the official suite have valid samples', () => {
  const random = { next: mulberry32(1) }
  let made = 0
  for (const { schema, tests } of suite) {
    const accepts = validator(schema)
    for (const kind of ['varied', 'boundary'] as const) {
      const sample = sampleOf(schema, random, { kind })
      if (sample.status === 'made')
        expect([schema, sample.value, accepts(sample.value)]).toEqual([schema, sample.value, true])
      if (sample.status === 'unsatisfiable') expect(tests.filter(([, valid]) => valid === 1)).toEqual([])
      if (sample.status !== 'undecided') made++
    }
  }
  expect(made).toBeGreaterThan(2 * suite.length - 20)
})

test('no document of the official suite contradicts a verdict on two of its schemas', () => {
  const sums = { compatible: 0, incompatible: 0, undecided: 0 }
  for (const [index, writer] of suite.entries()) {
    // Neighbours are about one keyword, so that they have to do with each other.
    for (const reader of [...suite.slice(index + 1, index + 2), suite[(index * 7) % suite.length]!]) {
      const [accepts, reads] = [total(validator(writer.schema)), total(validator(reader.schema))]
      const before = [writer.schema]
      const { verdict, findings } = checkCompatibility({
        before,
        after: reader.schema,
        mode: 'backward',
        policy: 'strict',
        validator,
      })
      sums[verdict]++
      const documents = [...writer.tests, ...reader.tests].map(([document]) => document)
      const broken = documents.filter((document) => accepts(document) && reads(document) === false)
      if (verdict === 'compatible')
        expect({ before, after: reader.schema, broken }).toEqual({ before, after: reader.schema, broken: [] })
      for (const { witness } of findings.filter((finding) => 'witness' in finding)) {
        expect([accepts(witness), reads(witness)]).toEqual([true, false])
      }
    }
  }
  // Most of them are about what is unevaluated, beside alternatives.
  expect(sums.undecided).toBeLessThan(60)
}, 120_000)
