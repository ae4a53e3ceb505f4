import type { Budget } from '../budget.ts'
import { lastCodePoint, type Expression, type Range } from './syntax.ts'

const mostStates = 3_000

interface State {
  /** Where to go with a code point of these ranges. */
  readonly steps: { readonly ranges: readonly Range[]; readonly to: number }[]
  /** Where to go for nothing, at any place, at the start, or at the end. */
  readonly jumps: { readonly when: 'always' | 'start' | 'end'; readonly to: number }[]
}

/** A machine without memory that accepts the texts in which a pattern is found. */
export interface Automaton {
  readonly states: readonly State[]
  readonly first: number
  readonly last: number
}

class NotRegular extends Error {}

/** `undefined` where a pattern looks around or back, asks for Unicode properties, or would need too many states. */
export function automatonOf(expression: Expression, budget: Budget): Automaton | undefined {
  try {
    return build(budget, (builder, from) => {
      builder.step(from, [[0, lastCodePoint]], from)
      const last = builder.add(expression, from)
      builder.step(last, [[0, lastCodePoint]], last)
      return last
    })
  } catch (error) {
    if (error instanceof NotRegular) return undefined
    throw error
  }
}

/** Accepts exactly these texts. */
export function automatonOfTexts(texts: readonly string[], budget: Budget): Automaton | undefined {
  if (texts.reduce((sum, text) => sum + text.length, 0) > mostStates) return undefined
  return build(budget, (builder, from) => {
    const last = builder.state()
    for (const text of texts) {
      const end = Array.from(text).reduce((at, letter) => {
        const to = builder.state()
        const codePoint = letter.codePointAt(0)!
        builder.step(at, [[codePoint, codePoint]], to)
        return to
      }, from)
      builder.jump(end, 'end', last)
    }
    return last
  })
}

function build(budget: Budget, fill: (builder: Builder, from: number) => number): Automaton {
  const builder = new Builder(budget)
  const first = builder.state()
  const last = fill(builder, first)
  return { states: builder.states, first, last }
}

class Builder {
  readonly states: State[] = []
  readonly #budget: Budget

  constructor(budget: Budget) {
    this.#budget = budget
  }

  state(): number {
    this.#budget.spend(0.1)
    if (this.states.length > 2 * mostStates) throw new NotRegular()
    this.states.push({ steps: [], jumps: [] })
    return this.states.length - 1
  }

  step(from: number, ranges: readonly Range[], to: number): void {
    this.states[from]!.steps.push({ ranges, to })
  }

  jump(from: number, when: 'always' | 'start' | 'end', to: number): void {
    this.states[from]!.jumps.push({ when, to })
  }

  /** Adds an expression behind a state; answers the state behind it. */
  add(expression: Expression, from: number): number {
    switch (expression.kind) {
      case 'set': {
        const to = this.state()
        this.step(from, expression.ranges, to)
        return to
      }
      case 'sequence':
        return expression.parts.reduce((at, part) => this.add(part, at), from)
      case 'choice': {
        const to = this.state()
        for (const option of expression.options) {
          const start = this.state()
          this.jump(from, 'always', start)
          this.jump(this.add(option, start), 'always', to)
        }
        return to
      }
      case 'repeat':
        return this.#repeat(expression, from)
      case 'start':
      case 'end': {
        const to = this.state()
        this.jump(from, expression.kind, to)
        return to
      }
      case 'group':
        return this.add(expression.part, from)
      case 'property':
      case 'boundary':
      case 'look':
      case 'back':
        throw new NotRegular()
    }
  }

  #repeat({ part, min, max }: Extract<Expression, { kind: 'repeat' }>, from: number): number {
    if (Math.max(min, max === Infinity ? 0 : max) > mostStates) throw new NotRegular()
    let at = from
    for (let done = 0; done < min; done++) at = this.add(part, at)
    if (max === Infinity) {
      const loop = this.state()
      this.jump(at, 'always', loop)
      this.jump(this.add(part, loop), 'always', loop)
      return loop
    }
    const to = this.state()
    for (let done = min; done < max; done++) {
      this.jump(at, 'always', to)
      const start = this.state()
      this.jump(at, 'always', start)
      at = this.add(part, start)
    }
    this.jump(at, 'always', to)
    return to
  }
}

/** The states that a machine can be in, sorted: before any code point, or after one more. */
export function initial(automaton: Automaton): readonly number[] {
  return reached(automaton, [automaton.first], { start: true, end: false })
}

export function advance(automaton: Automaton, states: readonly number[], codePoint: number): readonly number[] {
  const next: number[] = []
  for (const state of states) {
    for (const { ranges, to } of automaton.states[state]!.steps) if (inRanges(ranges, codePoint)) next.push(to)
  }
  return reached(automaton, next, { start: false, end: false })
}

/** Whether the text may end here; `empty` says that it has no code point at all. */
export function accepts(automaton: Automaton, states: readonly number[], empty: boolean): boolean {
  return reached(automaton, states, { start: empty, end: true }).includes(automaton.last)
}

function reached(
  automaton: Automaton,
  from: readonly number[],
  place: { readonly start: boolean; readonly end: boolean },
): readonly number[] {
  const found = new Set(from)
  for (const state of found) {
    for (const { when, to } of automaton.states[state]!.jumps) if (when === 'always' || place[when]) found.add(to)
  }
  return [...found].sort((left, right) => left - right)
}

function inRanges(ranges: readonly Range[], codePoint: number): boolean {
  return ranges.some(([first, last]) => codePoint >= first && codePoint <= last)
}
