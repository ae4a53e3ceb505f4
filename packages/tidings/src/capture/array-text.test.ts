import { expect, test } from 'vitest'
import { parseArray } from './array-text.ts'

test.each([
  ['{}', []],
  ['{1,2,NULL}', ['1', '2', null]],
  ['{"NULL",null,a b}', ['NULL', 'null', 'a b']],
  [
    '{{1,2},{3,NULL}}',
    [
      ['1', '2'],
      ['3', null],
    ],
  ],
  ['{"","a,b","{}","say \\"x\\"","back\\\\slash"}', ['', 'a,b', '{}', 'say "x"', 'back\\slash']],
  ['[0:1]={7,8}', ['7', '8']],
  ['[2:2][0:1]={{7,8}}', [['7', '8']]],
])('%s', (text, items) => {
  expect(parseArray(text)).toEqual(items)
})

test.each(['', 'x', '{', '{1', '{"a', '{1,2'])('%j is no array', (text) => {
  expect(() => parseArray(text)).toThrow(SyntaxError)
})
