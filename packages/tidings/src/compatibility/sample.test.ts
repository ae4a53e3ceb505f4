import { describe, expect, it } from 'vitest'
import { mulberry32 } from '../testing/index.ts'
import { sampleOf } from './index.ts'
import { strictFormats } from './validator.fixture.ts'

const order = {
  type: 'object',
  properties: {
    id: { type: 'string', format: 'uuid' },
    placedAt: { type: 'string', format: 'date-time' },
    email: { type: 'string', format: 'email' },
    pieces: { type: 'integer', minimum: 3, maximum: 7 },
    lines: { type: 'array', items: { type: 'string', pattern: '^[A-Z]{3}-[0-9]+$' }, minItems: 1, uniqueItems: true },
    parent: { $ref: '#' },
  },
  required: ['id', 'pieces', 'lines'],
  additionalProperties: false,
}

describe('sampleOf()', () => {
  it('makes documents that a validator accepts, the same ones for one seed', () => {
    const [one, other] = [mulberry32(1), mulberry32(1)]
    const made = Array.from({ length: 50 }, () => sampleOf(order, { next: one }))
    expect(Array.from({ length: 50 }, () => sampleOf(order, { next: other }))).toEqual(made)
    for (const sample of made) {
      expect(sample.status === 'made' && strictFormats(order)(sample.value)).toBe(true)
    }
    expect(new Set(made.map((sample) => JSON.stringify(sample))).size).toBeGreaterThan(45)
  })

  it('makes boundary documents', () => {
    const random = { next: mulberry32(1) }
    const schema = { type: 'number', minimum: 3.25, exclusiveMaximum: 7 }
    expect(sampleOf(schema, random, { kind: 'boundary' })).toEqual({ status: 'made', value: 3.25 })
  })

  it('says that a schema has no documents, a recursive one as well', () => {
    const random = { next: mulberry32(1) }
    const endless = { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] }
    for (const schema of [false, endless, { type: 'string', enum: [1, 2] }, { allOf: [order], type: 'null' }]) {
      expect(sampleOf(schema, random)).toEqual({ status: 'unsatisfiable' })
    }
  })

  it('says that it does not know rather than make what may be refused', () => {
    const random = { next: mulberry32(1) }
    expect(sampleOf({ type: 'string', nullable: true }, random)).toMatchObject({
      status: 'undecided',
      reason: '"nullable" is no keyword of draft 2020-12',
    })
    expect(sampleOf({ $ref: 'https://example.com/other' }, random)).toMatchObject({ status: 'undecided' })
  })
})
