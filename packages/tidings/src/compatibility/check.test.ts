import { describe, expect, it } from 'vitest'
import { combinations, contentModels, values } from './changes.fixture.ts'
import type { JsonSchema } from '../contract/index.ts'
import {
  checkCompatibility,
  compatibilityModes,
  type CompatibilityMode,
  type CompatibilityNames,
  type Validator,
} from './index.ts'
import { strictFormats, validator } from './validator.fixture.ts'

const text = { type: 'string' }
const number = { type: 'number' }
const either = { type: ['string', 'number'] }

describe.each([...contentModels, ...values, ...combinations])('$what', ({ before, after, strict, lenient }) => {
  it.each([
    ['strict', 'backward', strict[0]],
    ['strict', 'forward', strict[1]],
    ['lenient', 'backward', lenient[0]],
    ['lenient', 'forward', lenient[1]],
  ] as const)('%s, %s: %s', (policy, mode, rule) => {
    const { verdict, findings } = checkCompatibility({ before: [before], after, mode, policy, validator })
    expect(verdict).toBe(rule === null ? 'compatible' : 'incompatible')
    const rules = findings.map((finding) => finding.rule)
    expect(rules).toEqual(rule === null ? [] : expect.arrayContaining([rule]))
    const [writer, reader] = mode === 'backward' ? [before, after] : [after, before]
    for (const { witness } of findings) {
      expect({ witness, written: validator(writer)(witness), read: validator(reader)(witness) }).toEqual({
        witness,
        written: true,
        read: false,
      })
    }
  })
})

describe('checkCompatibility()', () => {
  it.each([
    ['none', []],
    ['backward', []],
    ['forward', [1]],
    ['full', [1]],
    ['backward-transitive', [0]],
    ['forward-transitive', [0, 1]],
    ['full-transitive', [0, 0, 1]],
  ] as const)('asks in the mode %s which of the schemas before are broken', (mode, against) => {
    const { findings } = checkCompatibility({
      before: [number, text],
      after: either,
      mode,
      policy: 'strict',
      validator,
    })
    const old = checkCompatibility({
      before: [{ type: 'boolean' }, text],
      after: either,
      mode,
      policy: 'strict',
      validator,
    })
    const broken = mode === 'backward-transitive' || mode === 'full-transitive' ? old.findings : findings
    expect(broken.map((finding) => finding.against)).toEqual(against)
  })

  it('knows its modes', () => {
    expect(compatibilityModes).toHaveLength(7)
    expect(new Set<CompatibilityMode>(compatibilityModes).size).toBe(7)
  })

  it('names every keyword that is broken, with its place in the schema, and a smallest document for each', () => {
    const before = { type: 'object', properties: { age: number, name: text }, required: ['age'] }
    const after = {
      type: 'object',
      properties: { age: { type: 'number', maximum: 150 }, name: { $ref: '#/$defs/name' } },
      required: ['age', 'name'],
      $defs: { name: { type: 'string', minLength: 1 } },
    }
    const { verdict, findings } = checkCompatibility({
      before: [before],
      after,
      mode: 'backward',
      policy: 'lenient',
      validator,
    })
    expect(verdict).toBe('incompatible')
    const byPath = Object.fromEntries(findings.map(({ path, rule, witness }) => [path, [rule, witness]]))
    expect(byPath).toEqual({
      '/required': ['property-required', { age: 0 }],
      '/properties/age/maximum': ['range-narrowed', { age: expect.any(Number) }],
      '/$defs/name/minLength': ['length-narrowed', { age: 0, name: '' }],
    })
    expect(findings.find(({ path }) => path === '/required')?.message).toBe(
      'A document that the schema before allows is refused by the schema after: it must have "name".',
    )
  })

  it('names the place of each keyword, also where the same object was put in several', () => {
    const short = { type: 'string', maxLength: 5 }
    const { findings } = checkCompatibility({
      before: [{ properties: { a: short, b: text } }],
      after: { properties: { a: short, b: short } },
      mode: 'backward',
      policy: 'lenient',
      validator,
    })
    expect(findings.map(({ path }) => path)).toEqual(['/properties/b/maxLength'])
  })

  it('calls the schemas in messages as it is told', () => {
    const question = { after: either, policy: 'strict', validator } as const
    const messages = (names?: CompatibilityNames): readonly string[] =>
      checkCompatibility({
        ...question,
        before: [number, text],
        mode: 'forward-transitive',
        ...(names && { names }),
      }).findings.map(({ message }) => message)
    expect(messages()).toEqual([
      'A document that the schema after allows is refused by schema 1 of the 2 before: it must be of type number.',
      'A document that the schema after allows is refused by schema 2 of the 2 before: it must be of type string.',
    ])
    expect(messages({ before: ['revision 1.1', 'revision 1.2'], after: 'the new schema' })[1]).toBe(
      'A document that the new schema allows is refused by revision 1.2: it must be of type string.',
    )
  })

  it('finds a document of schemas that need each other', () => {
    const one = {
      anyOf: [{ type: 'object', properties: { x: { $ref: '#/$defs/other' } }, required: ['x'] }, { const: 'leaf' }],
    }
    const other = { type: 'object', properties: { y: { $ref: '#/$defs/one' } }, required: ['y'] }
    const before = {
      type: 'object',
      properties: { a: { $ref: '#/$defs/one' }, b: { $ref: '#/$defs/other' } },
      required: ['a', 'b'],
      $defs: { one, other },
    }
    const question = { before: [before], mode: 'backward', policy: 'strict', validator } as const
    expect(checkCompatibility({ ...question, after: { not: { required: ['b'] } } })).toMatchObject({
      verdict: 'incompatible',
      findings: [{ rule: 'exclusion-added', path: '/not', witness: { a: 'leaf', b: { y: 'leaf' } } }],
    })
  })

  it('takes it for no proof that different items were not found at the first attempt', () => {
    const pair = {
      type: 'array',
      prefixItems: [{ enum: [1, 2] }, { const: 1 }],
      minItems: 2,
      maxItems: 2,
      uniqueItems: true,
    }
    const question = { before: [pair], mode: 'backward', policy: 'strict', validator } as const
    expect(checkCompatibility({ ...question, after: { maxItems: 1 } }).verdict).toBe('undecided')
  })

  it('shows no witness that the validator does not confirm, and says undecided', () => {
    const agreeable: Validator = () => () => true
    const { verdict, findings } = checkCompatibility({
      before: [text],
      after: number,
      mode: 'backward',
      policy: 'strict',
      validator: agreeable,
    })
    expect(verdict).toBe('undecided')
    expect(findings).toEqual([
      {
        rule: 'undecided',
        path: '',
        direction: 'backward',
        against: 0,
        message: expect.stringContaining('the validator sees a document otherwise'),
      },
    ])
  })

  it('takes formats as the validator does', () => {
    const question = {
      before: [text],
      after: { type: 'string', format: 'email' },
      mode: 'backward',
      policy: 'strict',
    } as const
    expect(checkCompatibility({ ...question, validator }).verdict).toBe('compatible')
    const { verdict, findings } = checkCompatibility({ ...question, validator: strictFormats })
    expect([verdict, findings[0]?.rule, findings[0]?.path]).toEqual(['incompatible', 'format-narrowed', '/format'])
    const other = { ...question, before: [{ type: 'string', format: 'idn-email' }], validator: strictFormats }
    expect(checkCompatibility({ ...other, after: other.before[0]! }).verdict).toBe('compatible')
  })

  it('says where it cannot decide', () => {
    const same = { type: 'string', pattern: '^(?=a)[a-z]+$' }
    const other = { type: 'string', pattern: '^a(?![^a-z])[a-z]*$' }
    const ask = (after: JsonSchema) =>
      checkCompatibility({ before: [same], after, mode: 'backward', policy: 'strict', validator })
    expect(ask(same).verdict).toBe('compatible')
    const { verdict, findings } = ask(other)
    expect([verdict, findings[0]?.rule]).toEqual(['undecided', 'undecided'])
    expect(findings[0]?.message).toContain(other.pattern)
  })

  it('lets the error of a validator through that knows no such schema', () => {
    const question = {
      before: [text],
      after: { type: 'strnig' },
      mode: 'backward',
      policy: 'strict',
      validator,
    } as const
    expect(() => checkCompatibility(question)).toThrow('schema is invalid')
  })
})
