import type { Answer } from './answer.ts'
import { badTexts, isStandardFormat } from './formats.ts'
import type { JsonSchema } from '../contract/index.ts'
import type { Pattern } from './pattern/pattern.ts'
import type { Constraint, Node } from './schema/node.ts'

/** Compiles a schema to a check of values, such as ajv does; it throws for what is no schema of draft 2020-12. */
export type Validator = (schema: JsonSchema) => (value: unknown) => boolean

const longestText = 1_000
const mostRuns = 20_000

/** What the validator makes of formats: JSON Schema leaves it to validators whether they hold texts to them. */
export class Formats {
  readonly #validator: Validator
  readonly #checks = new Map<string, ((value: unknown) => boolean) | undefined>()
  readonly #asserted = new Map<string, Answer>()

  constructor(validator: Validator) {
    this.#validator = validator
  }

  /** Whether values are held to it. Of a format that nobody else knows, some texts that are accepted prove nothing. */
  asserts(format: string): Answer {
    if (this.#asserted.has(format)) return this.#asserted.get(format)
    const refused = badTexts.some((text) => this.#ask(format, text) === false)
    const unheard = isStandardFormat(format) || this.asserts('email') === false
    const answer = refused || (unheard ? false : undefined)
    this.#asserted.set(format, answer)
    return answer
  }

  has(format: string, value: string | number): Answer {
    if (this.asserts(format) === false) return true
    return typeof value === 'string' && value.length > longestText ? undefined : this.#ask(format, value)
  }

  #ask(format: string, value: string | number): Answer {
    if (!this.#checks.has(format)) this.#checks.set(format, this.#compile(format))
    return this.#checks.get(format)?.(value)
  }

  #compile(format: string): ((value: unknown) => boolean) | undefined {
    try {
      return this.#validator({ type: ['string', 'number'], format })
    } catch {
      return undefined
    }
  }
}

/** Every pattern in some schemas. */
export function patternsIn(roots: readonly Node[]): readonly Pattern[] {
  const seen = new Set(roots)
  const found = new Map<string, Pattern>()
  for (const node of seen) {
    for (const constraint of node.constraints) {
      for (const pattern of patternsOf(constraint)) found.set(pattern.source, pattern)
      for (const inner of constraint.nodes) seen.add(inner)
    }
  }
  return [...found.values()]
}

function patternsOf(constraint: Constraint): readonly Pattern[] {
  if (constraint.keyword === 'pattern') return [constraint.pattern]
  return constraint.keyword === 'patternProperties' ? constraint.patterns.map(({ pattern }) => pattern) : []
}

/**
 * Whether a validator can be given a document without running for ever: each text in it was tried with each pattern,
 * with the steps of a search that backtracks counted.
 */
export function isHarmless(document: unknown, patterns: readonly Pattern[]): boolean {
  const texts = patterns.length === 0 ? [] : [...textsIn(document)]
  if (texts.length * patterns.length > mostRuns) return false
  return patterns.every((pattern) => texts.every((text) => pattern.isInByBacktracking(text) !== undefined))
}

function textsIn(document: unknown): ReadonlySet<string> {
  const texts = new Set<string>()
  const waiting = [document]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (typeof value === 'string') texts.add(value)
    if (typeof value !== 'object' || value === null) continue
    for (const [name, inside] of Object.entries(value)) {
      if (!Array.isArray(value)) texts.add(name)
      waiting.push(inside)
    }
  }
  return texts
}
