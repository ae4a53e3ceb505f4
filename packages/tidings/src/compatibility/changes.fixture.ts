import type { JsonSchema } from '../contract/index.ts'
import type { CompatibilityRule } from './index.ts'

/** A change of a schema, and what it breaks: nothing, or this rule. */
export interface Change {
  readonly what: string
  readonly before: JsonSchema
  readonly after: JsonSchema
  readonly strict: readonly [backward: CompatibilityRule | null, forward: CompatibilityRule | null]
  readonly lenient: readonly [backward: CompatibilityRule | null, forward: CompatibilityRule | null]
}

type Verdicts = Change['strict']

function change(
  what: string,
  before: JsonSchema,
  after: JsonSchema,
  strict: Verdicts,
  lenient: Verdicts = strict,
): Change {
  return { what, before, after, strict, lenient }
}

const open = { type: 'object', properties: { a: { type: 'string' } } }
const openWithMore = { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } }
const closed = { ...open, additionalProperties: false }
const closedWithMore = { ...openWithMore, additionalProperties: false }
const partly = { ...open, additionalProperties: { type: 'string' } }
const partlyWithMore = { ...openWithMore, additionalProperties: { type: 'string' } }
const needs = (schema: object) => ({ ...schema, required: ['b'] })

/** The rules for open, closed and partially open objects that the users of schema registries know. */
export const contentModels: readonly Change[] = [
  change('an optional property is added to an open object', open, openWithMore, ['type-narrowed', null], [null, null]),
  change('an optional property is added to a closed object', closed, closedWithMore, [null, 'property-refused']),
  change('an optional property that the rest covers is added', partly, partlyWithMore, [null, null]),
  change(
    'an optional property that the rest does not cover is added',
    partly,
    { ...partlyWithMore, properties: { a: { type: 'string' }, b: { type: 'integer' } } },
    ['type-narrowed', 'type-narrowed'],
  ),
  change('a property is removed from an open object', openWithMore, open, [null, 'type-narrowed'], [null, null]),
  change('a property is removed from a closed object', closedWithMore, closed, ['property-refused', null]),
  change('a property that the rest covers is removed', partlyWithMore, partly, [null, null]),
  change(
    'a property that was never allowed is removed',
    { ...open, properties: { ...open.properties, b: false } },
    open,
    [null, 'property-refused'],
    [null, null],
  ),
  change('a required property is added to an open object', open, needs(openWithMore), ['property-required', null]),
  change('a required property is added to a closed object', closed, needs(closedWithMore), [
    'property-required',
    'property-refused',
  ]),
  change(
    'a required property with a default is added',
    closed,
    needs({ ...closedWithMore, properties: { ...open.properties, b: { type: 'string', default: '' } } }),
    ['property-required', 'property-refused'],
  ),
  change('a property becomes required', openWithMore, needs(openWithMore), ['property-required', null]),
  change('an open object is closed', open, closed, ['property-refused', null], [null, null]),
  change('a closed object is opened', closed, open, [null, 'property-refused'], [null, null]),
  change('the rest of an open object gets a schema', open, partly, ['type-narrowed', null], [null, null]),
  change(
    'the schema of the rest is narrowed',
    partly,
    { ...open, additionalProperties: { type: 'string', maxLength: 1 } },
    ['length-narrowed', null],
  ),
  change(
    'an open object is closed by what is unevaluated',
    open,
    { ...open, unevaluatedProperties: false },
    ['property-refused', null],
    [null, null],
  ),
]

const number = (keywords: object) => ({ type: 'number', ...keywords })
const text = (keywords: object) => ({ type: 'string', ...keywords })
const list = (keywords: object) => ({ type: 'array', ...keywords })

export const values: readonly Change[] = [
  change('a maximum is raised', number({ maximum: 1 }), number({ maximum: 2 }), [null, 'range-narrowed']),
  change('a maximum is removed', number({ maximum: 1 }), number({}), [null, 'range-narrowed']),
  change('a minimum becomes exclusive', number({ minimum: 1 }), number({ exclusiveMinimum: 1 }), [
    'range-narrowed',
    null,
  ]),
  change('a multiple becomes its divisor', number({ multipleOf: 6 }), number({ multipleOf: 3 }), [
    null,
    'range-narrowed',
  ]),
  change('a multiple becomes another', number({ multipleOf: 4 }), number({ multipleOf: 6 }), [
    'range-narrowed',
    'range-narrowed',
  ]),
  change('an integer may be a number', { type: 'integer' }, { type: 'number' }, [null, 'type-narrowed']),
  change(
    'every half between two integers is ruled out',
    { type: 'integer', minimum: 1, maximum: 3 },
    { enum: [1, 2, 3] },
    [null, null],
  ),
  change('a type is added', { type: 'string' }, { type: ['string', 'null'] }, [null, 'type-narrowed']),
  change('a type is changed', { type: 'string' }, { type: 'boolean' }, ['type-narrowed', 'type-narrowed']),
  change('a length is raised', text({ maxLength: 1 }), text({ maxLength: 2 }), [null, 'length-narrowed']),
  change('a text must not be empty', text({}), text({ minLength: 1 }), ['length-narrowed', null]),
  change('a pattern is removed', text({ pattern: '^a' }), text({}), [null, 'pattern-narrowed']),
  change('a pattern accepts more', text({ pattern: '^[a-f0-9]{8}$' }), text({ pattern: '^[a-z0-9]+$' }), [
    null,
    'pattern-narrowed',
  ]),
  change('a pattern is written in another way', text({ pattern: '^(a|b)*$' }), text({ pattern: '^[ab]*$' }), [
    null,
    null,
  ]),
  change('a pattern bounds the length', text({ pattern: '^a{1,3}$' }), text({ maxLength: 3 }), [
    null,
    'pattern-narrowed',
  ]),
  change('a value is added', { enum: ['a', 'b'] }, { enum: ['b', 'a', 'c'] }, [null, 'values-narrowed']),
  change('a constant becomes another', { const: { a: 1 } }, { const: { a: 2 } }, [
    'values-narrowed',
    'values-narrowed',
  ]),
  change('a constant becomes a list of values', { const: 1 }, { enum: [1, 2] }, [null, 'values-narrowed']),
  change('a text becomes one of some values', text({}), { enum: ['a'] }, ['values-narrowed', null]),
  change('a list may be longer', list({ maxItems: 1 }), list({ maxItems: 2 }), [null, 'items-narrowed']),
  change('items must be unique', list({}), list({ uniqueItems: true }), ['items-narrowed', null]),
  change(
    'two booleans that differ are all there are',
    list({ items: { type: 'boolean' }, uniqueItems: true }),
    list({ maxItems: 2 }),
    [null, 'type-narrowed'],
  ),
  change('items are narrowed', list({ items: { type: 'number' } }), list({ items: { type: 'integer' } }), [
    'type-narrowed',
    null,
  ]),
  change(
    'a place is added to a closed tuple',
    list({ prefixItems: [{ type: 'string' }], items: false }),
    list({ prefixItems: [{ type: 'string' }, { type: 'string' }], items: false }),
    [null, 'items-narrowed'],
  ),
  change(
    'a place is added to an open tuple',
    list({ prefixItems: [{ type: 'string' }] }),
    list({ prefixItems: [{ type: 'string' }, { type: 'string' }] }),
    ['type-narrowed', null],
  ),
  change(
    'a tuple becomes a list',
    list({ prefixItems: [{ type: 'string' }], items: false }),
    list({ items: { type: 'string' } }),
    [null, 'items-narrowed'],
  ),
  change('an item must be contained', list({}), list({ contains: { const: 1 } }), ['items-narrowed', null]),
  change(
    'fewer must be contained',
    list({ contains: { const: 1 }, minContains: 3 }),
    list({ contains: { const: 1 }, minContains: 2 }),
    [null, 'items-narrowed'],
  ),
  change(
    'a map may hold more',
    { type: 'object', maxProperties: 1 },
    { type: 'object', maxProperties: 2 },
    [null, 'size-narrowed'],
    [null, null],
  ),
  change(
    'names are narrowed',
    { additionalProperties: { type: 'string' } },
    { propertyNames: { pattern: '^[a-z]+$' }, additionalProperties: { type: 'string' } },
    ['name-refused', null],
  ),
]

const dog = { type: 'object', properties: { kind: { const: 'dog' }, barks: { type: 'boolean' } }, required: ['kind'] }
const cat = { type: 'object', properties: { kind: { const: 'cat' }, purrs: { type: 'boolean' } }, required: ['kind'] }
const tree = (leaf: object) => ({
  $defs: {
    tree: { type: 'object', properties: { leaf, next: { $ref: '#/$defs/tree' } }, additionalProperties: false },
  },
  $ref: '#/$defs/tree',
})

export const combinations: readonly Change[] = [
  change(
    'an alternative is added',
    { anyOf: [{ type: 'string' }] },
    { anyOf: [{ type: 'string' }, { type: 'null' }] },
    [null, 'alternatives-narrowed'],
  ),
  change('an alternative is removed', { oneOf: [dog, cat] }, { oneOf: [dog] }, ['alternatives-narrowed', null]),
  change('alternatives change places', { oneOf: [dog, cat] }, { oneOf: [cat, dog] }, [null, null]),
  change('alternatives that exclude each other become any of them', { oneOf: [dog, cat] }, { anyOf: [dog, cat] }, [
    null,
    null,
  ]),
  change(
    'alternatives begin to overlap',
    { anyOf: [{ type: 'integer' }, { minimum: 2 }] },
    { oneOf: [{ type: 'integer' }, { minimum: 2 }] },
    ['alternatives-narrowed', null],
  ),
  change('a demand is added', { allOf: [{ minimum: 1 }] }, { allOf: [{ minimum: 1 }, { maximum: 2 }] }, [
    'range-narrowed',
    null,
  ]),
  change('a demand is written in place', { allOf: [open, { required: ['a'] }] }, { ...open, required: ['a'] }, [
    null,
    null,
  ]),
  change('what was excluded is allowed', { not: { type: 'string' } }, { not: { type: 'string', maxLength: 3 } }, [
    null,
    'exclusion-added',
  ]),
  change(
    'an exclusion is written as types',
    { type: ['string', 'null'] },
    { type: ['string', 'null', 'boolean'], not: { type: 'boolean' } },
    [null, null],
  ),
  change(
    'a condition is added',
    dog,
    { ...dog, if: { properties: { barks: { const: true } }, required: ['barks'] }, then: { required: ['name'] } },
    ['property-required', null],
  ),
  change(
    'a condition says what holds anyway',
    needs(openWithMore),
    { ...needs(openWithMore), if: { required: ['a'] }, then: { required: ['b'] } },
    [null, null],
  ),
  change('a dependency is added', openWithMore, { ...openWithMore, dependentRequired: { a: ['b'] } }, [
    'property-required',
    null,
  ]),
  change(
    'a dependency is written as a schema',
    { ...openWithMore, dependentRequired: { a: ['b'] } },
    { ...openWithMore, dependentSchemas: { a: { required: ['b'] } } },
    [null, null],
  ),
  change('the leaves of a tree are widened', tree({ type: 'integer' }), tree({ type: 'number' }), [
    null,
    'type-narrowed',
  ]),
  change(
    'a tree is written in another way',
    tree({ type: 'integer' }),
    {
      ...tree({ type: 'integer' }),
      $defs: { one: tree({ type: 'integer' }).$defs.tree, tree: { $ref: '#/$defs/one' } },
    },
    [null, null],
  ),
  change(
    'a name is brought under a pattern',
    closed,
    { type: 'object', patternProperties: { '^[a-z]$': { type: 'string' } }, additionalProperties: false },
    [null, 'property-refused'],
  ),
  change(
    'a pattern of names is narrowed',
    { patternProperties: { '^x': { type: 'string' } }, additionalProperties: false },
    { patternProperties: { '^x-': { type: 'string' } }, additionalProperties: false },
    ['property-refused', null],
  ),
]
