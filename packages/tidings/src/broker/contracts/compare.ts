import type { CompatibilityMode, CompatibilityPolicy, CompatibilitySetting } from '../../contract/index.ts'
import type { ContractFinding } from '../port/contracts.ts'
import type { JsonSchema } from '../port/topics.ts'

/** Compares a schema with earlier ones: `checkCompatibility` of `tidings/compatibility`, with a validator. */
export type CheckCompatibility = (question: {
  readonly before: readonly JsonSchema[]
  readonly after: JsonSchema
  readonly mode: CompatibilityMode
  readonly policy: CompatibilityPolicy
  /** What messages call the schemas. */
  readonly names?: { readonly before: readonly string[]; readonly after: string }
}) => CompatibilityAnswer | Promise<CompatibilityAnswer>

export interface CompatibilityAnswer {
  readonly verdict: 'compatible' | 'incompatible' | 'undecided'
  readonly findings: readonly {
    readonly rule: string
    readonly path: string
    readonly direction: 'backward' | 'forward'
    /** Index of the schema in `before`. */
    readonly against: number
    readonly message: string
    /** Absent where it could not be decided. */
    readonly witness?: unknown
  }[]
}

/** A schema that was registered, as `<version>.<revision>`. */
export interface NamedSchema {
  readonly name: string
  readonly schema: JsonSchema
}

/** What keeps a schema from following each of these; nothing where it may. */
export async function compareRevisions(
  check: CheckCompatibility | undefined,
  { before, after, setting }: { before: readonly NamedSchema[]; after: JsonSchema; setting: CompatibilitySetting },
): Promise<readonly ContractFinding[]> {
  if (!check) {
    const message =
      'This broker was made without a checker of schemas, so it cannot tell; give createBroker() a checkCompatibility, or let a server check.'
    return [{ rule: 'no-checker', path: '', message, undecided: true }]
  }
  // Which of the earlier ones count was chosen already.
  const mode = `${setting.mode.replace('-transitive', '')}-transitive` as CompatibilityMode
  const schemas = before.map(({ schema }) => schema)
  const names = { before: before.map(({ name }) => `revision ${name}`), after: 'the new schema' }
  const { verdict, findings } = await check({ before: schemas, after, mode, policy: setting.policy, names })
  if (verdict === 'compatible') return []
  return findings.map(({ against, ...finding }) => {
    const { name } = before[against]!
    return { ...finding, against: name, ...('witness' in finding ? {} : { undecided: true as const }) }
  })
}
