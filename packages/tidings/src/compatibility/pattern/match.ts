import type { Budget } from '../budget.ts'
import { wordRanges, type Expression, type Range } from './syntax.ts'

const longestText = 1_000
const mostSteps = 20_000
const deepest = 1_500

/**
 * Whether a pattern is found in a text, in the way of the engines that backtrack, with its steps counted: `undefined`
 * where they are too many. A text for which this answers is one that such an engine may be given.
 */
export function findPattern(expression: Expression, text: string, budget?: Budget): boolean | undefined {
  if (text.length > longestText) return undefined
  const search = new Search(Array.from(text).map((letter) => letter.codePointAt(0)!))
  try {
    return search.anywhere(expression)
  } catch (error) {
    if (error instanceof TooMany) return undefined
    throw error
  } finally {
    budget?.spend(search.steps / 50)
  }
}

class TooMany extends Error {}

type Next = (at: number) => boolean

class Search {
  readonly #text: readonly number[]
  #groups: ReadonlyMap<number, readonly [number, number]> = new Map()
  steps = 0
  #depth = 0

  constructor(text: readonly number[]) {
    this.#text = text
  }

  anywhere(expression: Expression): boolean {
    for (let start = 0; start <= this.#text.length; start++) {
      this.#groups = new Map()
      if (this.#from(expression, start, 1, () => true)) return true
    }
    return false
  }

  /** Tries an expression at a place, in a direction, and what comes behind it. */
  #from(expression: Expression, at: number, direction: 1 | -1, next: Next): boolean {
    if (++this.steps > mostSteps || ++this.#depth > deepest) throw new TooMany()
    const found = this.#try(expression, at, direction, next)
    this.#depth--
    return found
  }

  #try(expression: Expression, at: number, direction: 1 | -1, next: Next): boolean {
    switch (expression.kind) {
      case 'set':
      case 'property':
        return this.#holds(expression, direction === 1 ? at : at - 1) && next(at + direction)
      case 'sequence':
        return this.#sequence(expression.parts, 0, at, direction, next)
      case 'choice':
        return expression.options.some((option) => this.#from(option, at, direction, next))
      case 'repeat':
        return this.#repeat(expression, 0, at, direction, next)
      case 'start':
        return at === 0 && next(at)
      case 'end':
        return at === this.#text.length && next(at)
      case 'boundary':
        return (this.#isWord(at) !== this.#isWord(at - 1)) !== expression.negated && next(at)
      case 'look':
        return this.#look(expression, at, next)
      case 'group':
        return this.#group(expression, at, direction, next)
      case 'back':
        return this.#back(expression.index, at, direction, next)
    }
  }

  #sequence(parts: readonly Expression[], done: number, at: number, direction: 1 | -1, next: Next): boolean {
    const part = parts[direction === 1 ? done : parts.length - 1 - done]
    if (part === undefined) return next(at)
    return this.#from(part, at, direction, (after) => this.#sequence(parts, done + 1, after, direction, next))
  }

  #repeat(
    expression: Extract<Expression, { kind: 'repeat' }>,
    done: number,
    at: number,
    direction: 1 | -1,
    next: Next,
  ): boolean {
    if (++this.steps > mostSteps) throw new TooMany()
    const { part, min, max, lazy } = expression
    if (part.kind === 'set' && !lazy) return this.#run(part, expression, at, direction, next)
    const again = (): boolean => {
      if (done >= max) return false
      const before = this.#groups
      this.#groups = withoutGroupsOf(part, before)
      const found = this.#from(part, at, direction, (after) => {
        if (after === at && done >= min) return false
        return this.#repeat(expression, done + 1, after, direction, next)
      })
      if (!found) this.#groups = before
      return found
    }
    if (done < min) return again()
    return lazy ? next(at) || again() : again() || next(at)
  }

  /** A run of single code points, the longest first, without a frame of the stack for each. */
  #run(
    part: Extract<Expression, { kind: 'set' }>,
    { min, max }: { readonly min: number; readonly max: number },
    at: number,
    direction: 1 | -1,
    next: Next,
  ): boolean {
    let length = 0
    while (length < max && this.#holds(part, direction === 1 ? at + length : at - length - 1)) length++
    for (; length >= min; length--) {
      if (++this.steps > mostSteps) throw new TooMany()
      if (next(at + direction * length)) return true
    }
    return false
  }

  #look({ part, ahead, negated }: Extract<Expression, { kind: 'look' }>, at: number, next: Next): boolean {
    const before = this.#groups
    const found = this.#from(part, at, ahead ? 1 : -1, () => true)
    if (negated) this.#groups = before
    if (found !== negated && next(at)) return true
    this.#groups = before
    return false
  }

  #group({ part, index }: Extract<Expression, { kind: 'group' }>, at: number, direction: 1 | -1, next: Next): boolean {
    return this.#from(part, at, direction, (after) => {
      const before = this.#groups
      this.#groups = new Map(before).set(index, direction === 1 ? [at, after] : [after, at])
      if (next(after)) return true
      this.#groups = before
      return false
    })
  }

  #back(index: number, at: number, direction: 1 | -1, next: Next): boolean {
    const group = this.#groups.get(index)
    if (!group) return next(at)
    const length = group[1] - group[0]
    const start = direction === 1 ? at : at - length
    if (start < 0 || start + length > this.#text.length) return false
    for (let step = 0; step < length; step++) {
      if (this.#text[group[0] + step] !== this.#text[start + step]) return false
    }
    return next(direction === 1 ? at + length : start)
  }

  #holds(expression: Extract<Expression, { kind: 'set' | 'property' }>, index: number): boolean {
    const codePoint = this.#text[index]
    if (codePoint === undefined) return false
    return expression.kind === 'property' ? expression.test(codePoint) : inRanges(expression.ranges, codePoint)
  }

  #isWord(index: number): boolean {
    const codePoint = this.#text[index]
    return codePoint !== undefined && inRanges(wordRanges, codePoint)
  }
}

/** Each repetition begins with no group of its own found. */
function withoutGroupsOf(
  part: Expression,
  groups: ReadonlyMap<number, readonly [number, number]>,
): ReadonlyMap<number, readonly [number, number]> {
  if (groups.size === 0) return groups
  const own = groupsIn(part)
  return own.some((index) => groups.has(index))
    ? new Map([...groups].filter(([index]) => !own.includes(index)))
    : groups
}

function groupsIn(expression: Expression): readonly number[] {
  switch (expression.kind) {
    case 'group':
      return [expression.index, ...groupsIn(expression.part)]
    case 'repeat':
    case 'look':
      return groupsIn(expression.part)
    case 'sequence':
      return expression.parts.flatMap(groupsIn)
    case 'choice':
      return expression.options.flatMap(groupsIn)
    default:
      return []
  }
}

function inRanges(ranges: readonly Range[], codePoint: number): boolean {
  return ranges.some(([first, last]) => codePoint >= first && codePoint <= last)
}
