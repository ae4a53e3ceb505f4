import { expect, test } from 'vitest'
import { differenceOf } from './figures.ts'
import { compare } from './proof.ts'

test('compare() finds rows that differ, are missing or are too many', () => {
  const expected = new Map([
    ['a', ['a', 1]],
    ['b', ['b', 2]],
    ['c', ['c', 3]],
  ])
  expect(compare('rows', new Map(expected), expected)).toMatchObject({
    holds: true,
    found: '3 / 3 rows equal',
    differences: [],
  })
  const found = new Map([
    ['a', ['a', 1]],
    ['b', ['b', 9]],
    ['d', ['d', 4]],
  ])
  expect(compare('rows', found, expected)).toEqual({
    name: 'rows',
    found: '1 / 3 rows equal',
    holds: false,
    differences: ['b: ["b",9] instead of ["b",2]', 'c: nothing instead of ["c",3]', 'd: ["d",4] instead of nothing'],
  })
})

test('differenceOf() lets too much in one month not make up for too little in another', () => {
  const expected = new Map([
    ['2011-01', 100],
    ['2011-02', 100],
  ])
  expect(
    differenceOf(
      new Map([
        ['2011-01', 150],
        ['2011-02', 50],
      ]),
      expected,
    ),
  ).toBe(100)
  expect(differenceOf(new Map([['2011-03', 5]]), expected)).toBe(205)
  expect(differenceOf(expected, expected)).toBe(0)
})
