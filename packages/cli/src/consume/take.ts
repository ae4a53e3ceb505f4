import type { Delivery } from 'tidings/broker'
import { exitCodes, type ExitCode } from '../failure.ts'
import type { Session } from '../session.ts'
import { count } from '../text.ts'
import { explainNothing, firstWaitMs, leaseMs, print, settle } from './deliveries.ts'
import { askPatiently } from './patience.ts'

export interface TakeOptions {
  readonly subscription: string
  /** Everything that is there where it is absent. */
  readonly max: number | undefined
  readonly follow: boolean
  readonly signal: AbortSignal
}

const pageSize = 500
const followWaitMs = 20_000
/** A slow reader of the output must not outlast the leases: what is not printed by then goes back. */
const printForMs = 10_000

/** Prints deliveries and acknowledges what is printed, until there are no more or until interrupted. */
export async function take(session: Session, options: TakeOptions): Promise<ExitCode> {
  const { subscription, max = Number.POSITIVE_INFINITY, follow, signal } = options
  const interrupted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  let taken = 0
  let late = 0
  while (taken < max && !signal.aborted) {
    const waitMs = follow ? followWaitMs : taken === 0 ? firstWaitMs : 0
    const deliveries = await pull(session, options, {
      max: Math.min(max - taken, pageSize),
      waitMs,
      interrupted,
    })
    if (deliveries.length === 0 && !follow) break
    const page = await printAndAcknowledge(session, options, deliveries)
    taken += page.printed
    late += page.late
  }
  if (taken === 0 && !follow && !signal.aborted) await explainNothing(session, subscription)
  if (late === 0) return exitCodes.ok
  session.output.warn(`${count(late, 'acknowledgement')} came too late; those events are handed out again.`)
  return exitCodes.failure
}

/** Acknowledges exactly what was printed, whatever ended the printing. */
async function printAndAcknowledge(
  session: Session,
  { subscription, follow, signal }: TakeOptions,
  deliveries: readonly Delivery[],
): Promise<{ printed: number; late: number }> {
  const startedAt = performance.now()
  let printed = 0
  let late = 0
  try {
    for (const delivery of deliveries) {
      if (signal.aborted || performance.now() - startedAt > printForMs) break
      await print(session, delivery)
      printed += 1
    }
  } finally {
    const settled = { acknowledged: deliveries.slice(0, printed), released: deliveries.slice(printed) }
    const acknowledge = (): Promise<number> => settle(session, subscription, settled)
    // A server that comes back in time knows the leases of before.
    late = (await (signal.aborted ? acknowledge() : askPatiently(session, { follow, signal }, acknowledge))) ?? printed
  }
  return { printed, late }
}

/** Deliveries; none when interrupted. */
async function pull(
  session: Session,
  { subscription, follow, signal }: TakeOptions,
  { max, waitMs, interrupted }: { readonly max: number; readonly waitMs: number; readonly interrupted: Promise<void> },
): Promise<readonly Delivery[]> {
  const { broker, caller } = session
  const answer = await askPatiently(session, { follow, signal }, () =>
    // What an interrupted pull was given goes back when its connection closes.
    Promise.race([broker.pull(caller, { subscription, max, leaseMs, waitMs }), interrupted]),
  )
  return answer?.deliveries ?? []
}
