import { inDriver } from '../house/driver.ts'
import { ledger, mustBeComplete, type Account, type Ledger } from '../house/ledger.ts'
import { cpuSecondsWhile } from '../house/usage.ts'
import type { RunningSystem } from '../systems/system.ts'
import { mostMessages, send, subscribe, withSystem } from './messages.ts'

/** Messages that are only published, for a while; they are counted afterwards. */
export interface Publishing {
  readonly system: string
  readonly folder: string
  readonly bytes: number
  /** Messages in flight. */
  readonly window: number
  /** How many are published in one call; 1 is a call for each. */
  readonly batch: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

export interface PublishingResult extends Omit<Account, 'lost'> {
  readonly perSecond: number
  /** Of the whole box, for a million messages. */
  readonly cpuSecondsPerMillion: number
}

const queue = 'publishing'

export const publishing = inDriver(import.meta.url, 'publishing', (run: Publishing) =>
  withSystem(run, (running) => measure(running, run)),
)

async function measure(running: RunningSystem, run: Publishing): Promise<PublishingResult> {
  await running.create({ name: queue })
  const sent = ledger({ producers: 1, messages: mostMessages })
  const warmUp = await publishFor(run.warmUpSeconds, { running, run, sent, from: 0 })
  const start = performance.now()
  const { result: count, cpuSeconds } = await cpuSecondsWhile(running.pids, () =>
    publishFor(run.seconds, { running, run, sent, from: warmUp }),
  )
  const seconds = (performance.now() - start) / 1_000
  await (await subscribe(running, sent, { queue, window: 1_000 })).complete(warmUp + count)
  return {
    ...mustBeComplete(sent),
    perSecond: count / seconds,
    cpuSecondsPerMillion: (cpuSeconds / count) * 1_000_000,
  }
}

/** Keeps the window full for so long, and answers how many were acknowledged. */
async function publishFor(
  seconds: number,
  to: { readonly running: RunningSystem; readonly run: Publishing; readonly sent: Ledger; readonly from: number },
): Promise<number> {
  const { running, run, sent, from } = to
  const end = performance.now() + seconds * 1_000
  let next = from
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      const first = next
      next += run.batch
      await send(running, { ...run, queue }, first)
      for (let number = first; number < first + run.batch; number++) sent.acknowledged(0, number)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, Math.floor(run.window / run.batch)) }, lane))
  return next - from
}
