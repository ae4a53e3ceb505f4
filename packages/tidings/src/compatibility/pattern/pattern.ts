import type { Answer } from '../answer.ts'
import type { Budget } from '../budget.ts'
import { accepts, advance, automatonOf, initial, type Automaton } from './automaton.ts'
import { findPattern } from './match.ts'
import { parsePattern } from './parse.ts'
import type { Expression } from './syntax.ts'

const longestQuick = 300_000
const mostRemembered = 1_000

/** A pattern of a schema. What it takes to look for it is spent of a budget. */
export class Pattern {
  readonly source: string
  /** Absent where it could not be read. */
  readonly expression: Expression | undefined
  readonly #budget: Budget
  readonly #found = new Map<string, Answer>()
  #automaton: Automaton | undefined | 'not made' = 'not made'

  constructor(source: string, budget: Budget) {
    this.source = source
    this.expression = parsePattern(source)
    this.#budget = budget
  }

  /** Absent where no machine without memory says the same. */
  get automaton(): Automaton | undefined {
    if (this.#automaton === 'not made') this.#automaton = this.expression && automatonOf(this.expression, this.#budget)
    return this.#automaton
  }

  /** Whether it is found in a text; `undefined` where that would take too long to tell. */
  isIn(text: string): Answer {
    const known = this.#found.get(text)
    if (known !== undefined || this.#found.has(text)) return known
    const found = this.#look(text)
    if (this.#found.size < mostRemembered) this.#found.set(text, found)
    return found
  }

  /** The same in the way of the engines that backtrack: where this answers, such an engine may be given the text. */
  isInByBacktracking(text: string): Answer {
    return this.expression && findPattern(this.expression, text, this.#budget)
  }

  #look(text: string): Answer {
    const { automaton } = this
    if (!automaton || text.length * automaton.states.length >= longestQuick) return this.isInByBacktracking(text)
    let states = initial(automaton)
    for (const letter of text) {
      this.#budget.spend((1 + states.length) / 10)
      states = advance(automaton, states, letter.codePointAt(0)!)
    }
    return accepts(automaton, states, text === '')
  }
}
