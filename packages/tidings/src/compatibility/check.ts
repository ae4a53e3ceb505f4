import type { CompatibilityMode, CompatibilityPolicy, JsonSchema } from '../contract/index.ts'
import { compare, type Break } from './compare.ts'
import type { Validator } from './confirm.ts'
import { describe, ruleOf, type CompatibilityRule } from './rules.ts'

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
export function checkCompatibility({ before, after, mode, policy, validator }: CompatibilityQuestion): Compatibility {
  const findings = comparisonsOf(mode, before.length).flatMap(({ direction, against }) => {
    const old = before[against]!
    const [writer, reader] = direction === 'backward' ? [old, after] : [after, old]
    const breaks = compare({ writer, reader, named: policy === 'lenient', validator })
    return breaks.map((each) => findingOf(each, direction, against))
  })
  if (findings.length === 0) return { verdict: 'compatible', findings }
  const verdict = findings.some((finding) => 'witness' in finding) ? 'incompatible' : 'undecided'
  return { verdict, findings }
}

function comparisonsOf(
  mode: CompatibilityMode,
  count: number,
): readonly { readonly direction: CompatibilityDirection; readonly against: number }[] {
  if (mode === 'none') return []
  const all = Array.from({ length: count }, (_, index) => index)
  const chosen = mode.endsWith('-transitive') ? all : all.slice(-1)
  const directions = (['backward', 'forward'] as const).filter(
    (direction) => mode.startsWith(direction) || mode.startsWith('full'),
  )
  return chosen.flatMap((against) => directions.map((direction) => ({ direction, against })))
}

function findingOf(each: Break, direction: CompatibilityDirection, against: number): CompatibilityFinding {
  const old = `schema ${against} of those before`
  const [writer, reader] = direction === 'backward' ? [old, 'the schema after'] : ['the schema after', old]
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
