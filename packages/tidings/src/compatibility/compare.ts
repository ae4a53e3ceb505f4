import type { JsonSchema } from '../contract/index.ts'
import { Budget, BudgetSpent } from './budget.ts'
import { smallest } from './choice.ts'
import { Formats, isHarmless, patternsIn, type Validator } from './confirm.ts'
import type { Evaluation } from './evaluate.ts'
import { explain, type Refusal } from './explain.ts'
import type { Constraint, Node, Pattern } from './schema/node.ts'
import { readSchemas } from './schema/read.ts'
import { Solver } from './search/solver.ts'
import { broken, met } from './search/demand.ts'
import type { Doubt, Outcome } from './search/goal.ts'

const mostWitnesses = 8
const mostSteps = 100_000
const mostStepsToExplain = 10_000

/** A document that the writer's schema allows and the reader's refuses; or why none is known, and no proof either. */
export type Break =
  | { readonly kind: 'witness'; readonly witness: unknown; readonly refusal: Refusal | undefined }
  | { readonly kind: 'doubt'; readonly doubt: Doubt }

export interface Comparison {
  readonly writer: JsonSchema
  readonly reader: JsonSchema
  /** Whether the writer's objects hold what its schema names, and nothing else. */
  readonly named: boolean
  readonly validator: Validator
}

/** What the reader's schema refuses of that which the writer's allows: nothing at all is a proof that there is nothing. */
export function compare(comparison: Comparison): readonly Break[] {
  try {
    const [writer, reader] = readSchemas([comparison.writer, comparison.reader]) as [Node, Node]
    return new Compare(comparison, writer, reader).run()
  } catch (error) {
    if (error instanceof BudgetSpent) return [{ kind: 'doubt', doubt: { pointer: '', reason: error.message } }]
    throw error
  }
}

class Compare {
  readonly #named: boolean
  readonly #writer: Node
  readonly #reader: Node
  readonly #formats: Formats
  readonly #accepts: (document: unknown) => boolean
  readonly #reads: (document: unknown) => boolean
  readonly #patterns: readonly Pattern[]
  readonly #budget = new Budget(mostSteps)

  constructor({ writer, reader, named, validator }: Comparison, writerNode: Node, readerNode: Node) {
    this.#named = named
    this.#writer = writerNode
    this.#reader = readerNode
    this.#formats = new Formats(validator)
    this.#accepts = validator(writer)
    this.#reads = validator(reader)
    this.#patterns = patternsIn([writerNode, readerNode])
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
      evaluation: this.#evaluation(this.#budget),
      asserts: (format) => this.#formats.asserts(format),
      kept,
      accept: (document) => this.#isWitness(document),
    })
    const literals = [met(this.#writer), broken(this.#reader)]
    return withinStack(() => solver.solve({ literals, ...(this.#named ? { writer: [this.#writer] } : {}) }))
  }

  #explain(document: unknown): Refusal | undefined {
    try {
      return explain(this.#reader, document, this.#evaluation(new Budget(mostStepsToExplain)))
    } catch (error) {
      if (error instanceof BudgetSpent) return undefined
      throw error
    }
  }

  #evaluation(budget: Budget): Evaluation {
    return { budget, format: (format, text) => this.#formats.has(format, text) }
  }

  #isWitness(document: unknown): boolean {
    if (!isHarmless(document, this.#patterns)) return false
    try {
      return this.#accepts(document) && !this.#reads(document)
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
