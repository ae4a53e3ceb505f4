/** An inclusive range of code points. */
export type Range = readonly [first: number, last: number]

/** A regular expression of ECMAScript in Unicode mode, which is what JSON Schema asks `pattern` to be. */
export type Expression =
  | { readonly kind: 'set'; readonly ranges: readonly Range[] }
  /** `\p{…}`: whether one code point belongs to it only the engine of the host knows. */
  | { readonly kind: 'property'; readonly test: (codePoint: number) => boolean }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | {
      readonly kind: 'repeat'
      readonly part: Expression
      readonly min: number
      readonly max: number
      readonly lazy: boolean
    }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'boundary'; readonly negated: boolean }
  | { readonly kind: 'look'; readonly ahead: boolean; readonly negated: boolean; readonly part: Expression }
  | { readonly kind: 'group'; readonly index: number; readonly part: Expression }
  | { readonly kind: 'back'; readonly index: number }

export const lastCodePoint = 0x10ffff
const digits: readonly Range[] = [[48, 57]]
export const wordRanges: readonly Range[] = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
]
const spaces: readonly Range[] = [
  [9, 13],
  [32, 32],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]
const lineEnds: readonly Range[] = [
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
]

/** The ranges in order, none touching the next. */
export function joined(ranges: readonly Range[]): readonly Range[] {
  const result: [number, number][] = []
  for (const [first, last] of ranges.toSorted((left, right) => left[0] - right[0])) {
    const before = result.at(-1)
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else result.push([first, last])
  }
  return result
}

/** Every code point outside the ranges. */
export function outside(ranges: readonly Range[]): readonly Range[] {
  const result: Range[] = []
  let next = 0
  for (const [first, last] of joined(ranges)) {
    if (first > next) result.push([next, first - 1])
    next = last + 1
  }
  if (next <= lastCodePoint) result.push([next, lastCodePoint])
  return result
}

export const anyButLineEnd = outside(lineEnds)

/** What `\d`, `\w`, `\s` and their opposites stand for. */
export function classOf(letter: string): readonly Range[] | undefined {
  const lower = { d: digits, w: wordRanges, s: spaces }[letter.toLowerCase()]
  return lower && (letter === letter.toLowerCase() ? lower : outside(lower))
}
