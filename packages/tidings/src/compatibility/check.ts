import type { CompatibilityMode, CompatibilityPolicy, JsonSchema } from '../contract/index.ts'
import { Budget, BudgetSpent } from './budget.ts'
import { compare, type Break, type Side } from './compare.ts'
import { Formats, type Validator } from './confirm.ts'
import { describe, ruleOf, type CompatibilityRule } from './rules.ts'
import { readSchemas } from './schema/read.ts'
import type { Doubt } from './search/goal.ts'

export type CompatibilityDirection = 'backward' | 'forward'

export const compatibilityModes: readonly CompatibilityMode[] = [
  'none',
  'backward',
  'forward',
  'full',
  'backward-transitive',
  'forward-transitive',
  'full-transitive',
]

export interface CompatibilityQuestion {
  /** The schemas so far, the oldest first. */
  readonly before: readonly JsonSchema[]
  readonly after: JsonSchema
  readonly mode: CompatibilityMode
  readonly policy: CompatibilityPolicy
  readonly validator: Validator
  /** What messages call the schemas; without it, `schema 1 of the 2 before` and `the schema after`. */
  readonly names?: CompatibilityNames
}

export interface CompatibilityNames {
  /** One for each schema before. */
  readonly before: readonly string[]
  readonly after: string
}

export interface CompatibilityFinding {
  readonly rule: CompatibilityRule
  /** JSON pointer to the keyword that refuses, in the schema of the reader: `after` if backward, else the one `against`. */
  readonly path: string
  readonly direction: CompatibilityDirection
  /** Index of the schema in `before`. */
  readonly against: number
  readonly message: string
  /** A document that the writer's schema allows and the reader's refuses; absent where the question is undecided. */
  readonly witness?: unknown
}

export interface Compatibility {
  readonly verdict: 'compatible' | 'incompatible' | 'undecided'
  readonly findings: readonly CompatibilityFinding[]
}

const mostSteps = 200_000
const mostStepsOfOne = 100_000
const mostStepsToExplain = 20_000

/**
 * Says whether a schema may follow others. `backward`: it accepts every document that the newest of them allows, so
 * those who have it read what was written before. `forward`: the newest of them accepts every document that it allows,
 * so those who still have the old one read what is written from now on. `full` is both; `…-transitive` means all of them
 * in place of the newest.
 *
 * `strict` means every document. `lenient` means those whose objects hold only properties that the writer's schema names:
 * a schema that is open says that others may come, not that its writer writes them.
 *
 * `compatible` is proved. `incompatible` has a witness that the validator accepted by the one and refused by the other
 * schema. Everything else is `undecided`. A schema that the validator refuses is its error.
 */
export function checkCompatibility(question: CompatibilityQuestion): Compatibility {
  const { before, mode, policy, validator } = question
  const comparisons = comparisonsOf(mode, before.length)
  if (comparisons.length === 0) return { verdict: 'compatible', findings: [] }
  const [steps, stepsToExplain] = [new Budget(mostSteps), new Budget(mostStepsToExplain)]
  const shared = { named: policy === 'lenient', formats: new Formats(validator) }
  const read = readSides(question, comparisons, steps)
  const findings = comparisons.flatMap((comparison, index) => {
    if ('doubt' in read) return [findingOf({ kind: 'doubt', doubt: read.doubt }, comparison, question)]
    const [old, after] = [read.before.get(comparison.against)!, read.after]
    const [writer, reader] = comparison.direction === 'backward' ? [old, after] : [after, old]
    const left = comparisons.length - index
    const budgets = { budget: steps.share(left, mostStepsOfOne), budgetToExplain: stepsToExplain.share(left) }
    return compare(writer, reader, { ...shared, ...budgets }).map((each) => findingOf(each, comparison, question))
  })
  if (findings.length === 0) return { verdict: 'compatible', findings }
  const verdict = findings.some((finding) => 'witness' in finding) ? 'incompatible' : 'undecided'
  return { verdict, findings }
}

interface Comparison {
  readonly direction: CompatibilityDirection
  readonly against: number
}

function comparisonsOf(mode: CompatibilityMode, count: number): readonly Comparison[] {
  if (mode === 'none') return []
  const all = Array.from({ length: count }, (_, index) => index)
  const chosen = mode.endsWith('-transitive') ? all : all.slice(-1)
  const directions = (['backward', 'forward'] as const).filter(
    (direction) => mode.startsWith(direction) || mode.startsWith('full'),
  )
  return chosen.flatMap((against) => directions.map((direction) => ({ direction, against })))
}

type Read = { readonly before: ReadonlyMap<number, Side>; readonly after: Side } | { readonly doubt: Doubt }

/** Reads every schema once, so that what they have in common is seen in each comparison. */
function readSides(
  { before, after, validator }: CompatibilityQuestion,
  comparisons: readonly Comparison[],
  budget: Budget,
): Read {
  const indexes = [...new Set(comparisons.map(({ against }) => against))]
  const schemas = [after, ...indexes.map((index) => before[index]!)]
  try {
    const [first, ...others] = readSchemas(schemas, budget).map((node, index) => {
      return { node, accepts: validator(schemas[index]!) }
    })
    return { before: new Map(indexes.map((index, at) => [index, others[at]!])), after: first! }
  } catch (error) {
    if (error instanceof BudgetSpent) return { doubt: { pointer: '', reason: error.message } }
    throw error
  }
}

function findingOf(
  each: Break,
  { direction, against }: Comparison,
  { before, names }: CompatibilityQuestion,
): CompatibilityFinding {
  const old = names?.before[against] ?? (before.length === 1 ? 'the schema before' : ordinal(against, before.length))
  const after = names?.after ?? 'the schema after'
  const [writer, reader] = direction === 'backward' ? [old, after] : [after, old]
  if (each.kind === 'doubt') {
    const { pointer: path, reason } = each.doubt
    const message = `Whether ${reader} accepts all that ${writer} allows could not be decided: ${reason}.`
    return { rule: 'undecided', path, direction, against, message }
  }
  const { witness, refusal } = each
  const why = refusal ? `: ${describe(refusal)}` : ''
  return {
    rule: refusal ? ruleOf(refusal.constraint) : 'alternatives-narrowed',
    path: refusal?.constraint.pointer ?? '',
    direction,
    against,
    message: `A document that ${writer} allows is refused by ${reader}${why}.`,
    witness,
  }
}

function ordinal(index: number, count: number): string {
  return `schema ${index + 1} of the ${count} before`
}
