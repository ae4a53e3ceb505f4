import { BudgetSpent, type Budget } from './budget.ts'
import { smallest } from './choice.ts'
import { isHarmless, patternsIn, type Formats } from './confirm.ts'
import type { Evaluation } from './evaluate.ts'
import { explain, type Refusal } from './explain.ts'
import type { Pattern } from './pattern/pattern.ts'
import type { Constraint, Node } from './schema/node.ts'
import { Solver } from './search/solver.ts'
import { broken, met } from './search/demand.ts'
import type { Doubt, Outcome } from './search/goal.ts'

const mostWitnesses = 8

/** A document that the writer's schema allows and the reader's refuses; or why none is known, and no proof either. */
export type Break =
  | { readonly kind: 'witness'; readonly witness: unknown; readonly refusal: Refusal | undefined }
  | { readonly kind: 'doubt'; readonly doubt: Doubt }

/** A schema with what a validator makes of it. */
export interface Side {
  readonly node: Node
  readonly accepts: (document: unknown) => boolean
}

interface Means {
  /** Whether the writer's objects hold what its schema names, and nothing else. */
  readonly named: boolean
  readonly formats: Formats
  readonly budget: Budget
  readonly budgetToExplain: Budget
}

/** What the reader's schema refuses of that which the writer's allows: nothing at all is a proof that there is nothing. */
export function compare(writer: Side, reader: Side, means: Means): readonly Break[] {
  return new Compare(writer, reader, means).run()
}

class Compare {
  readonly #writer: Side
  readonly #reader: Side
  readonly #means: Means
  readonly #patterns: readonly Pattern[]

  constructor(writer: Side, reader: Side, means: Means) {
    this.#writer = writer
    this.#reader = reader
    this.#means = means
    this.#patterns = patternsIn([writer.node, reader.node])
  }

  /** Each round looks, with what is left of the steps, for a document that breaks another keyword than those before. */
  run(): readonly Break[] {
    const found: Break[] = []
    const kept = new Set<Constraint>()
    while (found.length < mostWitnesses) {
      const outcome = this.#search(kept)
      if (outcome.status === 'none' || (outcome.status === 'unknown' && found.length > 0)) break
      if (outcome.status === 'unknown') return [{ kind: 'doubt', doubt: outcome.doubt }]
      const refusal = this.#explain(outcome.value)
      if (refusal && kept.has(refusal.constraint)) break
      found.push({ kind: 'witness', witness: outcome.value, refusal })
      if (!refusal) break
      kept.add(refusal.constraint)
    }
    return found
  }

  #search(kept: ReadonlySet<Constraint>): Outcome {
    const solver = new Solver({
      choice: smallest,
      evaluation: this.#evaluation(this.#means.budget),
      asserts: (format) => this.#means.formats.asserts(format),
      kept,
      accept: (document) => this.#isWitness(document),
    })
    const literals = [met(this.#writer.node), broken(this.#reader.node)]
    return withinStack(() => solver.solve({ literals, ...(this.#means.named ? { writer: [this.#writer.node] } : {}) }))
  }

  #explain(document: unknown): Refusal | undefined {
    try {
      return explain(this.#reader.node, document, this.#evaluation(this.#means.budgetToExplain))
    } catch (error) {
      if (error instanceof BudgetSpent) return undefined
      throw error
    }
  }

  #evaluation(budget: Budget): Evaluation {
    return { budget, format: (format, value) => this.#means.formats.has(format, value) }
  }

  #isWitness(document: unknown): boolean {
    if (!isHarmless(document, this.#patterns)) return false
    try {
      return this.#writer.accepts(document) && !this.#reader.accepts(document)
    } catch {
      // A validator that fails on a document confirms nothing.
      return false
    }
  }
}

/** What is too large, or nested too deep, ends as a doubt. */
export function withinStack(search: () => Outcome): Outcome {
  try {
    return search()
  } catch (error) {
    if (!(error instanceof BudgetSpent || error instanceof RangeError)) throw error
    const reason = error instanceof BudgetSpent ? error.message : 'the schemas are nested too deep'
    return { status: 'unknown', doubt: { pointer: '', reason } }
  }
}
