import type { Budget } from '../budget.ts'
import type { Choice } from '../choice.ts'
import type { Evaluation } from '../evaluate.ts'
import type { Pattern } from '../pattern/pattern.ts'
import type { Constraint, Node } from '../schema/node.ts'

/** That a value meets a schema, or that it does not. */
export interface Literal {
  readonly node: Node
  readonly met: boolean
}

/** What a value is looked for that is like this. */
export interface Goal {
  readonly literals: readonly Literal[]
  /** For the name of a property, which is a text: patterns that are found in it or not. */
  readonly name?: readonly { readonly pattern: Pattern; readonly found: boolean }[]
  /** The schemas of its writer that speak of this value: its objects hold what they name, and nothing else. */
  readonly writer?: readonly Node[]
}

/** Where a question stays open. */
export interface Doubt {
  readonly pointer: string
  readonly reason: string
}

export type Outcome =
  /** `sure` unless a keyword was met that is not understood here. */
  | { readonly status: 'found'; readonly value: unknown; readonly sure: boolean }
  /** There is none, given that those goals further out have none that began at this depth or deeper. */
  | { readonly status: 'none'; readonly under: number }
  | { readonly status: 'unknown'; readonly doubt: Doubt }

export type Found = Extract<Outcome, { status: 'found' }>
/** Answers the value as found where it is the one that was looked for; it was made for that, or stands in a list. */
export type Check = (value: unknown, listed?: 'listed') => Found | undefined

export const none: Outcome = { status: 'none', under: Infinity }

/** What several ways to one goal come to, none of which has found a value. */
export class Tally {
  #under = Infinity
  #doubt: Doubt | undefined

  /** Notes an outcome; answers it where it ends the search. */
  add(outcome: Outcome): Found | undefined {
    if (outcome.status === 'found') return outcome
    if (outcome.status === 'none') this.#under = Math.min(this.#under, outcome.under)
    else this.#doubt ??= outcome.doubt
    return undefined
  }

  doubt(pointer: string, reason: string): void {
    this.#doubt ??= { pointer, reason }
  }

  result(): Outcome {
    return this.#doubt ? { status: 'unknown', doubt: this.#doubt } : { status: 'none', under: this.#under }
  }
}

/** What those who look for a value of one type need of the whole search. */
export interface Search {
  readonly choice: Choice
  readonly budget: Budget
  readonly evaluation: Evaluation
  solve(goal: Goal): Outcome
  /** How deep in the document that is made. */
  readonly depth: number
  /** The schema that accepts these values and no other. */
  listed(values: readonly unknown[]): Node
  /** Whether a validator holds texts to a format; `undefined` where that is not known. */
  asserts(format: string): boolean | undefined
  /** Keywords that are not to be broken, because it is known that they can be. */
  readonly kept: ReadonlySet<Constraint>
}
