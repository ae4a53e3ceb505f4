import { expect, it } from 'vitest'
import type { JsonSchema } from '../contract/index.ts'
import { checkCompatibility, type Compatibility, type Validator } from './index.ts'
import { strictFormats, validator } from './validator.fixture.ts'

interface Broken {
  readonly what: string
  readonly writer: JsonSchema
  readonly reader: JsonSchema
  /** The writer's schema allows it, and the reader's refuses it. */
  readonly document: unknown
  readonly verdict: Exclude<Compatibility['verdict'], 'compatible'>
  readonly validator?: Validator
}

const dependent = (needed: string): JsonSchema => ({
  type: 'object',
  dependencies: { a: { $ref: '#/$defs/x' } },
  $defs: { x: { required: [needed] } },
})
const list = { type: 'array', minItems: 3, maxItems: 3, items: { type: ['string', 'number'] } }

const broken: readonly Broken[] = [
  {
    what: 'a whole number beyond those that are exact',
    writer: { type: 'integer', multipleOf: 4, minimum: 2 ** 54, maximum: 2 ** 54 },
    reader: { maximum: 5 },
    document: 2 ** 54,
    verdict: 'incompatible',
  },
  {
    what: 'a large whole number',
    writer: { type: 'integer', minimum: 1e17, maximum: 1e17 },
    reader: { maximum: 5 },
    document: 1e17,
    verdict: 'incompatible',
  },
  {
    what: 'a multiple of a decimal fraction that a validator takes for none',
    writer: { type: 'number', multipleOf: 7, minimum: 7, maximum: 21 },
    reader: { multipleOf: 0.07 },
    document: 7,
    verdict: 'incompatible',
  },
  {
    what: 'an item that breaks two demands at once, because only one such item may be there',
    writer: { ...list, contains: { type: 'string' }, maxContains: 1 },
    reader: { anyOf: [{ items: { type: 'number' } }, { prefixItems: [true, true, { type: 'number' }] }] },
    document: [0, 0, 'a'],
    verdict: 'incompatible',
  },
  {
    what: 'one that breaks two demands which begin at different positions',
    writer: { ...list, contains: { type: 'string' }, maxContains: 1 },
    reader: { anyOf: [{ items: { type: 'number' } }, { prefixItems: [true, true], items: { type: 'number' } }] },
    document: [0, 0, 'a'],
    verdict: 'incompatible',
  },
  {
    what: 'null where "nullable" is removed',
    writer: { type: 'string', nullable: true },
    reader: { type: 'string' },
    document: null,
    verdict: 'incompatible',
  },
  {
    what: 'null where "nullable" becomes false',
    writer: { type: 'string', nullable: true },
    reader: { type: 'string', nullable: false },
    document: null,
    verdict: 'incompatible',
  },
  {
    what: 'a keyword of other drafts whose value is another one',
    writer: { type: 'object', dependencies: { a: ['b'] } },
    reader: { type: 'object', dependencies: { a: ['c'] } },
    document: { a: 1, b: 1 },
    verdict: 'undecided',
  },
  {
    what: 'a keyword of other drafts that refers to something else',
    writer: dependent('b'),
    reader: dependent('c'),
    document: { a: 1, b: 1 },
    verdict: 'undecided',
  },
  {
    what: 'a number that has not the format of numbers',
    writer: { type: 'number' },
    reader: { type: 'number', format: 'int32' },
    document: 0.5,
    verdict: 'incompatible',
    validator: strictFormats,
  },
  {
    what: 'a text on which a group is forgotten with each repetition',
    writer: { enum: ['aba'] },
    reader: { pattern: '^(?:(a)|b)*\\1$' },
    document: 'aba',
    verdict: 'incompatible',
  },
  {
    what: 'a text on which a group is forgotten with the way that failed',
    writer: { enum: ['a'] },
    reader: { not: { pattern: '^(?:(?=(a))b|a)\\1$' } },
    document: 'a',
    verdict: 'incompatible',
  },
  {
    what: 'half a surrogate pair',
    writer: { type: 'string' },
    reader: { pattern: '^[^\\ud800]*$' },
    document: '\ud800',
    verdict: 'incompatible',
  },
]

it.each(broken)(
  '$what is no compatible change',
  ({ writer, reader, document, verdict, validator: chosen = validator }) => {
    expect([chosen(writer)(document), chosen(reader)(document)]).toEqual([true, false])
    const answer = checkCompatibility({
      before: [writer],
      after: reader,
      mode: 'backward',
      policy: 'strict',
      validator: chosen,
    })
    expect([answer.verdict, answer.findings]).toEqual([verdict, answer.findings])
  },
)
