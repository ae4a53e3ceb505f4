import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { schemaDigest } from './index.ts'
import { sha256 } from './sha256.ts'

describe('sha256()', () => {
  it('is SHA-256, whatever the length', () => {
    const lengths = Array.from({ length: 200 }, (_, length) => new Uint8Array(length).fill(length))
    for (const bytes of lengths) expect(sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_000 }), (bytes) => {
        expect(sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'))
      }),
    )
  })
})

describe('schemaDigest()', () => {
  it('is that of the JSON with its members in order, whatever order they were written in', () => {
    const schema = { type: 'object', properties: { b: { type: 'string' }, a: true }, required: ['b', 'a'] }
    const ordered = '{"properties":{"a":true,"b":{"type":"string"}},"required":["b","a"],"type":"object"}'
    expect(schemaDigest(schema)).toBe(`sha256:${createHash('sha256').update(ordered).digest('hex')}`)
    const turned = { required: ['b', 'a'], properties: { a: true, b: { type: 'string' } }, type: 'object' }
    expect(schemaDigest(turned)).toBe(schemaDigest(schema))
    expect(schemaDigest({ ...schema, required: ['a', 'b'] })).not.toBe(schemaDigest(schema))
  })
})
