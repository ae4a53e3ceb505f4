import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatExactJson, parseExactJson } from './exact-json.ts'

describe('parseExactJson()', () => {
  it.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    [' 9007199254740993\n', 9007199254740993n],
    ['[1,{"a":9223372036854775807}]', [1, { a: 9223372036854775807n }]],
    ['{"a":9007199254740993,"a":2}', { a: 2 }],
    [
      '{"large":1e300,"text":"9007199254740993","n":9007199254740993}',
      { large: 1e300, text: '9007199254740993', n: 9007199254740993n },
    ],
  ])('reads %s', (text, value) => {
    expect(parseExactJson(text)).toEqual(value)
  })

  it('is JSON.parse for everything that JavaScript does not round', () => {
    fc.assert(
      fc.property(
        fc.json().filter((text) => !/\d{16}/.test(text)),
        (text) => {
          expect(parseExactJson(text)).toEqual(JSON.parse(text))
        },
      ),
    )
  })

  it('reads what formatExactJson() writes', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string(),
        fc.integer(),
        fc.constant(null),
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }),
        fc.array(tie('value')),
        fc.dictionary(fc.string(), tie('value')),
      ),
    }))
    fc.assert(
      fc.property(value, (given) => {
        expect(formatExactJson(parseExactJson(formatExactJson(given)))).toBe(formatExactJson(given))
      }),
    )
  })
})
