import type { Broker, Caller } from '../broker/port/broker.ts'
import { TidingsError, type ErrorCode } from '../errors.ts'
import type { EntityVersion } from '../event/index.ts'
import type { EntityOwner, PublishedAgain } from '../outbox/index.ts'
import type { Mend } from './mend.ts'
import { chunks, type Cause } from './inspect.ts'

export interface RepairOptions {
  readonly broker: Broker
  /** On whose behalf: an operator, or the owner itself. The audit names it. */
  readonly caller: Caller
  /** Without it nothing is published again, and dead letters alone are handed back. */
  readonly owner?: EntityOwner
  /** The subscription that brings the copy its events, of which dead letters are handed back. */
  readonly subscription: string
}

/** What was done about one key. */
export type Repaired = { readonly key: string } & (
  | {
      readonly outcome: 'published'
      readonly version: EntityVersion
      /** Whether as a state, or as deleted. */
      readonly isPresent: boolean
    }
  | { readonly outcome: 'redriven'; readonly position: string }
  /** Nothing was done, because it mends itself or only a person can. */
  | { readonly outcome: 'left'; readonly mend: Mend }
  | { readonly outcome: 'refused'; readonly code: ErrorCode; readonly message: string }
)

const keysAtOnce = 100

/** Whether a repair does something about a cause; without the owner it only hands dead letters back. */
export function isRepairable({ mend }: Pick<Cause, 'mend'>): boolean {
  return mend.action === 'publish-again' || mend.action === 'release' || mend.action === 'redrive'
}

/**
 * Mends what can be mended, through the ordinary path and nothing else: the owner publishes its rows again, in versions
 * newer than all before, which whatever is changed later wins over, and dead letters are handed back to their
 * subscription. What is about to be done is written into the audit first. A key that is refused does not disturb others.
 * Where owner or broker fail after something was done, the rest is answered as refused with the reason.
 */
export async function repairDrift(options: RepairOptions, causes: readonly Cause[]): Promise<readonly Repaired[]> {
  const { broker, caller, owner, subscription } = options
  const done = new Map<string, Repaired>()
  const repairable = causes.filter((cause) => isRepairable(cause) && (owner || cause.mend.action === 'redrive'))
  const keep = (answers: readonly Repaired[]): void => answers.forEach((answer) => done.set(answer.key, answer))
  try {
    for (const some of chunks(repairable, keysAtOnce)) {
      const topic = owner?.topic ?? (await broker.subscription(caller, subscription)).topic
      const repairs = some.map(({ key, kind, mend }) => ({ key, cause: kind, action: mend.action }))
      await broker.noteRepair(caller, { topic, repairs })
      keep(await publishAgain(owner, some))
      keep(await redrive({ broker, caller, subscription }, some))
    }
  } catch (error) {
    if (done.size === 0 || !(error instanceof TidingsError)) throw error
    const { code, message } = error
    const rest = repairable.filter(({ key }) => !done.has(key))
    keep(rest.map(({ key }) => ({ key, outcome: 'refused', code, message })))
  }
  return causes.map(({ key, mend }) => done.get(key) ?? { key, outcome: 'left', mend })
}

async function publishAgain(owner: EntityOwner | undefined, causes: readonly Cause[]): Promise<readonly Repaired[]> {
  const requests = causes.flatMap(({ key, mend }) => {
    if (mend.action === 'release') return { key }
    if (mend.action !== 'publish-again') return []
    return { key, ...(mend.above && { above: mend.above }) }
  })
  if (!owner || requests.length === 0) return []
  return (await owner.publishAgain(requests)).map(outcomeOf)
}

function outcomeOf(answer: PublishedAgain): Repaired {
  if (answer.status === 'refused') {
    return { key: answer.key, outcome: 'refused', code: answer.code, message: answer.message }
  }
  const { key, version, isPresent } = answer
  return { key, outcome: 'published', version, isPresent }
}

/** Several keys never wait behind one dead letter, but one dead letter may be named twice: as itself and by what waits behind it. */
async function redrive(
  { broker, caller, subscription }: Pick<RepairOptions, 'broker' | 'caller' | 'subscription'>,
  causes: readonly Cause[],
): Promise<readonly Repaired[]> {
  const wanted = causes.flatMap(({ key, mend }) => (mend.action === 'redrive' ? { key, position: mend.position } : []))
  if (wanted.length === 0) return []
  const positions = [...new Set(wanted.map(({ position }) => position))]
  const answers = await broker.redrive(caller, { subscription, positions })
  const byPosition = new Map(answers.map((answer) => [answer.position, answer]))
  return wanted.map(({ key, position }): Repaired => {
    const answer = byPosition.get(position)
    if (answer?.status !== 'refused') return { key, outcome: 'redriven', position }
    return { key, outcome: 'refused', code: answer.code, message: answer.message }
  })
}
