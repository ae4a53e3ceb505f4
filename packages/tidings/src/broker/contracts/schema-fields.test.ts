import { describe, expect, it } from 'vitest'
import type { JsonSchema } from '../port/topics.ts'
import { changedFields, touches } from './schema-fields.ts'

const text = { type: 'string' }
const address = { type: 'object', properties: { city: text, zip: text }, required: ['city'] }
const lines = { type: 'array', items: { type: 'object', properties: { sku: text, count: { type: 'integer' } } } }
const before = { type: 'object', properties: { id: text, email: text, address, lines }, required: ['id'] }
const changed = (properties: Record<string, JsonSchema | undefined>, more: object = {}): JsonSchema => {
  const entries = Object.entries({ ...before.properties, ...properties }).filter(([, schema]) => schema !== undefined)
  return { ...before, properties: Object.fromEntries(entries), ...more }
}

describe('changedFields()', () => {
  it.each<[string, JsonSchema, string[]]>([
    ['nothing', changed({}), []],
    ['what only people read', changed({ id: { ...text, description: 'The id', default: '' } }), []],
    ['a property that comes', changed({ name: text }), ['added /name']],
    ['a property that goes', changed({ email: undefined }), ['removed /email']],
    ['another type', changed({ email: { type: ['string', 'null'] } }), ['altered /email']],
    ['a property that must be there', changed({}, { required: ['id', 'email'] }), ['altered /email']],
    ['a property inside', changed({ address: { ...address, properties: { city: text } } }), ['removed /address/zip']],
    [
      'a property of items',
      changed({ lines: { type: 'array', items: { type: 'object', properties: { sku: text, count: text } } } }),
      ['altered /lines/*/count'],
    ],
    ['what may come beside', changed({}, { additionalProperties: false }), ['altered /*']],
    ['a keyword that is not walked into', changed({}, { minProperties: 1 }), ['altered ']],
    ['everything', true, ['altered ', 'removed /id', 'removed /email', 'removed /address', 'removed /lines']],
  ])('tells %s', (_, after, expected) => {
    expect(changedFields(before, after).map(({ field, change }) => `${change} ${field}`)).toEqual(expected)
  })

  it('follows references, also into themselves', () => {
    const tree = (name: JsonSchema): JsonSchema => ({
      $ref: '#/$defs/node',
      $defs: { node: { type: 'object', properties: { name, next: { $ref: '#/$defs/node' } } } },
    })
    expect(changedFields(tree(text), tree(text))).toEqual([])
    expect(changedFields(tree(text), tree({ type: 'integer' }))).toEqual([{ field: '/name', change: 'altered' }])
  })

  it('tells a change of what is referred to from a keyword that is not walked into', () => {
    const either = (kind: JsonSchema): JsonSchema => ({ anyOf: [{ $ref: '#/$defs/kind' }], $defs: { kind } })
    expect(changedFields(either(text), either(text))).toEqual([])
    expect(changedFields(either(text), either({ type: 'integer' }))).toEqual([{ field: '', change: 'altered' }])
  })
})

describe('touches()', () => {
  const withoutZip = changed({ address: { ...address, properties: { city: text } } })
  it.each([
    ['/address/zip', withoutZip, true],
    ['/address', withoutZip, true],
    ['', withoutZip, true],
    ['/address/city', withoutZip, false],
    ['/email', withoutZip, false],
    ['', changed({ name: text }), false],
    ['/name', changed({ name: text }), true],
    ['/lines/*/sku', changed({ lines: { type: 'array', items: text } }), true],
    ['/lines/0/sku', changed({ lines: { type: 'array', items: text } }), true],
    ['/lines/*/sku', changed({ email: undefined }), false],
    ['/email', changed({}, { additionalProperties: false }), false],
    ['/unknown', changed({}, { additionalProperties: false }), true],
    ['/email', changed({}, { minProperties: 1 }), true],
  ])('%s', (field, after, expected) => {
    expect(touches(before, after, field)).toBe(expected)
  })

  it('reads the steps of a pointer as RFC 6901 writes them', () => {
    const odd = { type: 'object', properties: { 'a/b~c': text, d: text } }
    const after = { type: 'object', properties: { d: text } }
    expect(changedFields(odd, after)).toEqual([{ field: '/a~1b~0c', change: 'removed' }])
    expect(touches(odd, after, '/a~1b~0c')).toBe(true)
    expect(touches(odd, after, '/d')).toBe(false)
  })
})
