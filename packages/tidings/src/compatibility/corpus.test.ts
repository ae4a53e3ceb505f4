import { schemaChanges, suiteSchemas } from '@tidings/tools/schema-corpus'
import { describe, expect, it, test } from 'vitest'
import { mulberry32 } from '../testing/index.ts'
import { Budget } from './budget.ts'
import { evaluate } from './evaluate.ts'
import { checkCompatibility, sampleOf } from './index.ts'
import { readSchemas } from './schema/read.ts'
import { validator } from './validator.fixture.ts'

describe.each(schemaChanges())('the public change $name', ({ old, new: after, newReadsOld, oldReadsNew }) => {
  it.each([
    ['backward', newReadsOld],
    ['forward', oldReadsNew],
  ] as const)('is judged as there: %s', (mode, expected) => {
    const { verdict } = checkCompatibility({ before: [old], after, mode, policy: 'strict', validator })
    expect(verdict).toBe(expected ? 'compatible' : 'incompatible')
  })
})

const suite = suiteSchemas()

test('documents of the official suite are judged as there', () => {
  let open = 0
  for (const { schema, tests } of suite) {
    const [node] = readSchemas([schema])
    for (const [document, valid] of tests) {
      const answer = evaluate(node!, document, { budget: new Budget(10_000), format: () => true })
      if (answer === undefined) open++
      else expect([schema, document, answer]).toEqual([schema, document, valid === 1])
    }
  }
  expect(open).toBeLessThan(5)
})

test('schemas of the official suite have valid samples', () => {
  const random = { next: mulberry32(1) }
  let made = 0
  for (const { schema, tests } of suite) {
    const accepts = validator(schema)
    for (const kind of ['varied', 'boundary'] as const) {
      const sample = sampleOf(schema, random, { kind })
      if (sample.status === 'made') expect([schema, sample.value, accepts(sample.value)]).toEqual([schema, sample.value, true])
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
    for (const reader of [...suite.slice(index + 1, index + 4), suite[(index * 7) % suite.length]!]) {
      const [accepts, reads] = [validator(writer.schema), validator(reader.schema)]
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
      const broken = documents.filter((document) => accepts(document) && !reads(document))
      if (verdict === 'compatible') expect({ before, after: reader.schema, broken }).toEqual({ before, after: reader.schema, broken: [] })
      for (const { witness } of findings.filter((finding) => 'witness' in finding)) {
        expect([accepts(witness), reads(witness)]).toEqual([true, false])
      }
    }
  }
  expect(sums.undecided).toBeLessThan(40)
})
