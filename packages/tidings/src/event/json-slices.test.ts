import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkJson, elementSlices, jsonText, JsonSyntaxError, memberSlices, parseJson } from './json-slices.ts'

/** An object of so many members. */
const object = (count: number): string => `{${Array.from({ length: count }, (_, index) => `"k${index}":0`).join(',')}}`
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('checkJson()', () => {
  it('accepts exactly what JSON.parse accepts', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '1',
      '-0.5e3',
      '01',
      'true',
      'nul',
      ' ',
      '\\',
      '\\u00',
      '\u0001',
      '"\\n"',
    ]
    const near = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(near, fc.json(), fc.string()), (text) => {
        expect(accepts(() => checkJson(text))).toBe(accepts(() => JSON.parse(text) as unknown))
      }),
      { numRuns: 3000 },
    )
  })

  it('refuses what is nested deeper than 64 levels', () => {
    expect(() => checkJson('['.repeat(64) + ']'.repeat(64))).not.toThrow()
    expect(() => checkJson('['.repeat(65) + ']'.repeat(65))).toThrow(/deeper than 64/)
    expect(() => checkJson('['.repeat(1_000_000))).toThrow(JsonSyntaxError)
  })

  it('refuses more than 10,000 members', () => {
    expect(() => checkJson(object(10_000))).not.toThrow()
    expect(() => checkJson(object(10_001))).toThrow(/more than 10000 members/)
  })

  it('takes a long text without an end in linear time', () => {
    expect(() => checkJson(`"${'a'.repeat(1_000_000)}`)).toThrow(/closing quote/)
    expect(() => checkJson(`"${'\\\\'.repeat(500_000)}"`)).not.toThrow()
  })
})

describe('memberSlices()', () => {
  it('answers each member with its very text, duplicates included', () => {
    const text = ' { "a" : 9223372036854775807 , "\\u0062":{"x":[1, 2]}, "a":"\\ud800" } '
    const members = memberSlices(text)?.map(([name, { start, end }]) => [name, text.slice(start, end)])
    expect(members).toEqual([
      ['a', '9223372036854775807'],
      ['b', '{"x":[1, 2]}'],
      ['a', '"\\ud800"'],
    ])
  })

  it('answers nothing for another kind of value', () => {
    expect(memberSlices('[1]')).toBeUndefined()
    expect(elementSlices('{}')).toBeUndefined()
  })
})

describe('jsonText()', () => {
  it('refuses bytes that are not UTF-8 and keeps a byte order mark from being taken away', () => {
    expect(jsonText(Uint8Array.of(0x22, 0xff, 0x22))).toBeUndefined()
    expect(jsonText(bytes('\ufeff1'))).toBeUndefined()
    expect(jsonText(bytes('"ü"'))).toBe('"ü"')
  })
})

describe('parseJson()', () => {
  it('says where the fault is', () => {
    expect(() => parseJson(bytes('{"a":}'), 'bad-request', 'The body')).toThrow(
      'The body is not acceptable JSON: a value was expected at character 5, "}" is there.',
    )
  })
})

function accepts(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch {
    return false
  }
}
