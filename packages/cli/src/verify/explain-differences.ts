import type { Cause, EntityOwner, InspectedCopy } from 'tidings/drift'
import { confirm, type Confirmation } from '../confirm.ts'
import { causeText, planText, repairedText, summary } from '../drift/cause-text.ts'
import { exitCodes, UsageError, type ExitCode } from '../failure.ts'
import type { Session } from '../session.ts'
import { ownerAddress } from './sides.ts'

export interface ExplainOptions extends Confirmation {
  readonly owner?: string
  readonly secret?: string
  readonly explain?: boolean
  readonly repair?: boolean
}

/** What is wrong with the options is said before anything is compared. */
export function checkExplainOptions({ repair, dryRun, yes }: ExplainOptions): void {
  if (!repair && (dryRun || yes)) throw new UsageError('--dry-run and --yes belong to --repair.')
}

const withoutOwner =
  'Nobody was named who could publish rows again: --owner <url>. Those of a captured table are, when they are written once more: update customers set name = name where id = …'

/** Finds out why the copy is different at these keys, and mends what can be mended where that is asked for. */
export async function explainDifferences(
  session: Session,
  options: ExplainOptions,
  { copy, keys }: { readonly copy: InspectedCopy; readonly keys: readonly string[] },
): Promise<ExitCode> {
  const { broker, caller, output } = session
  const { explainDrift } = await import('tidings/drift')
  const owner = await ownerFor(session, options, copy)
  const causes = await explainDrift({ broker, caller, copy, ...(owner && { owner }) }, keys)
  for (const cause of causes) await output.show(cause, () => causeText(cause))
  return options.repair ? repair(session, options, { copy, owner, causes }) : exitCodes.different
}

async function ownerFor(
  session: Session,
  options: ExplainOptions,
  { topic }: InspectedCopy,
): Promise<EntityOwner | undefined> {
  if (options.owner === undefined) return undefined
  const { remoteOwner } = await import('tidings/drift')
  return remoteOwner({ ...ownerAddress(session, { ...options, owner: options.owner }), topic })
}

async function repair(
  session: Session,
  options: ExplainOptions,
  {
    copy,
    owner,
    causes,
  }: { readonly copy: InspectedCopy; readonly owner: EntityOwner | undefined; readonly causes: readonly Cause[] },
): Promise<ExitCode> {
  const { broker, caller, output } = session
  const { isRepairable, repairDrift } = await import('tidings/drift')
  if (options.dryRun) {
    for (const cause of causes) {
      const { key, kind, mend } = cause
      await output.show({ key, kind, action: mend.action, repaired: false }, () => planText(cause))
    }
    return exitCodes.different
  }
  const mended = causes.filter(isRepairable)
  const repairable = mended.filter(({ mend }) => owner || mend.action === 'redrive')
  if (repairable.length < mended.length) output.warn(withoutOwner)
  if (repairable.length > 0) await confirm(session, `This ${summary(repairable)}`, options)
  const { subscription } = copy
  const done = await repairDrift({ broker, caller, ...(owner && { owner }), subscription }, causes)
  for (const repaired of done) await output.show(repaired, () => repairedText(repaired))
  const isDone = done.every(({ outcome }) => outcome === 'published' || outcome === 'redriven')
  output.note(
    isDone
      ? 'It arrives as every change does; compare again to see it.'
      : 'What is left or refused has to be seen to by somebody.',
  )
  return isDone ? exitCodes.ok : exitCodes.different
}
