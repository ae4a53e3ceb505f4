import type { Compatibility, CompatibilityPolicy } from '../../contract/index.ts'
import type { ContractFinding } from '../port/contracts.ts'
import type { JsonSchema } from '../port/topics.ts'

/** Compares two schemas: `checkCompatibility` of `tidings/compatibility` with a validator. */
export type CheckCompatibility = (question: {
  readonly before: JsonSchema
  readonly after: JsonSchema
  readonly mode: 'backward' | 'forward' | 'full'
  readonly policy: CompatibilityPolicy
}) => CompatibilityAnswer | Promise<CompatibilityAnswer>

export interface CompatibilityAnswer {
  readonly verdict: 'compatible' | 'incompatible' | 'undecided'
  readonly findings: readonly {
    readonly rule: string
    readonly path: string
    readonly direction: 'backward' | 'forward'
    readonly message: string
    readonly witness?: unknown
  }[]
}

/** What keeps a schema from following a revision; nothing where it may. */
export async function compareRevision(
  check: CheckCompatibility | undefined,
  revision: {
    /** `<version>.<revision>` */
    readonly name: string
    readonly before: JsonSchema
    readonly after: JsonSchema
    readonly setting: Compatibility
  },
): Promise<readonly ContractFinding[]> {
  const { name: against, before, after, setting } = revision
  if (!check) {
    const message =
      'This broker was made without a checker of schemas, so it cannot tell; give createBroker() a checkCompatibility, or let a server check.'
    return [{ rule: 'no-checker', path: '', against, message, undecided: true }]
  }
  const mode = setting.mode.replace('-transitive', '') as 'backward' | 'forward' | 'full'
  const { verdict, findings } = await check({ before, after, mode, policy: setting.policy })
  if (verdict === 'compatible') return []
  const undecided = verdict === 'undecided' ? { undecided: true as const } : {}
  if (findings.length === 0) {
    const message = `The checker found it ${verdict} and gave no reason.`
    return [{ rule: 'no-reason', path: '', against, message, ...undecided }]
  }
  return findings.map((finding) => ({ ...finding, against, ...undecided }))
}
