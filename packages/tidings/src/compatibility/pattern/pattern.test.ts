import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { Budget, BudgetSpent } from '../budget.ts'
import { chosenBy, smallest } from '../choice.ts'
import { mulberry32 } from '../../testing/index.ts'
import { automatonOf, automatonOfTexts } from './automaton.ts'
import { findText, type TextConditions } from './language.ts'
import { findPattern } from './match.ts'
import { parsePattern } from './parse.ts'
import { Pattern } from './pattern.ts'

const budget = (): Budget => new Budget(1e6)

const atoms = [
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '\\s',
  '(?:ab)',
  '(a|b)',
  '(ab|)',
  '\\u{1F600}',
  '[a-c\\d]',
  '\\.',
  '-',
]
const regular = fc
  .array(
    fc.tuple(fc.constantFrom(...atoms), fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}', '{0,}', '*?', '+?')),
    { maxLength: 5 },
  )
  .map((parts) => parts.map((part) => part.join('')).join(''))
const anchored = fc
  .tuple(fc.constantFrom('', '^'), regular, fc.constantFrom('', '|'), regular, fc.constantFrom('', '$'))
  .map((parts) => parts.join(''))
const looking = fc
  .tuple(
    fc.constantFrom(
      '(?=a)',
      '(?!ab)',
      '(?<=a)',
      '(?<!b)',
      '\\b',
      '\\B',
      '(a)\\1',
      '(?<n>b)\\k<n>',
      '(?:(a)|b)*\\1',
      '(?:(?=(a))b|a)\\1',
      '(?!(a)b)\\1a?',
    ),
    anchored,
  )
  .map((parts) => parts.join(''))
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' ', '.', '-', '\n', '😀', 'é'), maxLength: 6 })

test('a pattern is found where the engine of the host finds it', () => {
  fc.assert(
    fc.property(fc.oneof(anchored, looking), texts, (source, text) => {
      const expected = new RegExp(source, 'u').test(text)
      const expression = parsePattern(source)
      expect(expression).toBeDefined()
      expect([source, text, findPattern(expression!, text)]).toEqual([source, text, expected])
      const automaton = automatonOf(expression!, budget())
      if (automaton) expect([source, text, new Pattern(source, budget()).isIn(text)]).toEqual([source, text, expected])
    }),
    { seed: 1, numRuns: 3_000 },
  )
})

test('what is no pattern in Unicode mode is not read', () => {
  for (const source of [
    '(',
    'a)',
    '[',
    '[b-a]',
    'a{2,1}',
    '*',
    '\\q',
    '\\u{110000}',
    '(?<n',
    '\\p{Nothing}',
    '{',
    '^*',
  ])
    expect([source, parsePattern(source)]).toEqual([source, undefined])
})

test('what it takes to look for a pattern is spent', () => {
  const small = new Budget(5)
  expect(() => new Pattern('^(?=a)(a+)+$', small).isIn(`${'a'.repeat(40)}!`)).toThrow(BudgetSpent)
  expect(() => new Pattern('^(a?){90}$', new Budget(5)).isIn('a')).toThrow(BudgetSpent)
})

test('a search that would go back too often is given up', () => {
  const evil = parsePattern('^(a+)+$')!
  expect(findPattern(evil, `${'a'.repeat(40)}!`)).toBe(undefined)
  expect(new Pattern('^(a+)+$', budget()).isIn(`${'a'.repeat(40)}!`)).toBe(false)
  expect(new Pattern('^(?=a)(a+)+$', budget()).isIn(`${'a'.repeat(40)}!`)).toBe(undefined)
  expect(findPattern(parsePattern('^[a-z]+$')!, 'a'.repeat(900))).toBe(true)
})

const conditions = (found: readonly string[], not: readonly string[], more: Partial<TextConditions> = {}) => ({
  min: 0,
  max: Infinity,
  automata: [...found.map((source) => [source, true] as const), ...not.map((source) => [source, false] as const)].map(
    ([source, accepted]) => ({ automaton: automatonOf(parsePattern(source)!, budget())!, accepted }),
  ),
  checks: [],
  hints: [],
  ...more,
})
const find = (wanted: TextConditions) => findText(wanted, smallest, new Budget(100_000))

describe('findText()', () => {
  it('finds a text that one pattern accepts and another does not, or proves that there is none', () => {
    expect(find(conditions(['^a+$'], ['^a{1,3}$']))).toEqual({ text: 'aaaa' })
    expect(find(conditions(['^a{1,3}$'], ['^a+$']))).toBe('none')
    expect(find(conditions(['a', 'b'], ['ab', 'ba'], { max: 2 }))).toBe('none')
    expect(find(conditions(['^(ab)*$'], [], { min: 3, max: 3 }))).toBe('none')
    expect(find(conditions(['^(ab)*$'], [], { min: 3 }))).toEqual({ text: 'abab' })
    expect(find(conditions(['^$'], []))).toEqual({ text: '' })
    expect(find(conditions([], [], { min: 2, max: 2 }))).toEqual({ text: 'aa' })
  })

  it('leaves out the texts that are named', () => {
    const automaton = automatonOfTexts(['', 'a', 'aa'], budget())!
    const wanted = conditions(['^a*$'], [])
    const automata = [...wanted.automata, { automaton, accepted: false }]
    expect(find({ ...wanted, automata })).toEqual({ text: 'aaa' })
    expect(find({ ...wanted, automata, max: 2 })).toBe('none')
  })

  it('finds texts that the engine of the host accepts', () => {
    fc.assert(
      fc.property(anchored, fc.integer(), fc.nat(4), (source, seed, min) => {
        const random = chosenBy({ next: mulberry32(seed) })
        const found = findText(conditions([source], [], { min, max: min + 2 }), random, new Budget(1e6))
        if (found === 'none' || found === 'unknown') return
        expect([source, found.text, new RegExp(source, 'u').test(found.text)]).toEqual([source, found.text, true])
        const length = Array.from(found.text).length
        expect(length >= min && length <= min + 2).toBe(true)
      }),
      { seed: 1, numRuns: 1_000 },
    )
  })

  it('says none only where the host finds none among the short texts', () => {
    const short = ['', 'a', 'b', '1', 'aa', 'ab', 'ba', 'bb', 'a1', 'aab', 'aba', 'abb']
    fc.assert(
      fc.property(anchored, anchored, (found, not) => {
        if (find(conditions([found], [not], { max: 3 })) !== 'none') return
        const text = short.find((each) => new RegExp(found, 'u').test(each) && !new RegExp(not, 'u').test(each))
        expect([found, not, text]).toEqual([found, not, undefined])
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})
