import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { ledger, mustBeComplete, type Account, type Ledger } from '../house/ledger.ts'
import { identityOf, payloadOf } from '../house/payload.ts'
import { cpuSecondsWhile } from '../house/usage.ts'
import { systemNamed } from '../systems/index.ts'
import type { RunningSystem } from '../systems/system.ts'
import { bareEngine } from '../systems/tidings-engine.ts'

/** Messages that are only published, for a while; they are counted afterwards. */
export interface Publishing {
  readonly system: string
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
/** Far more than anything here does in a run. */
const mostMessages = 8_000_000
const nothingComesMs = 30_000

export const publishing = inDriver(import.meta.url, 'publishing', (run: Publishing): Promise<PublishingResult> =>
  inFolder(async (folder) => {
    const system = run.system === bareEngine.name ? bareEngine : systemNamed(run.system)
    const running = await system.start(folder)
    try {
      return await measure(running, run)
    } finally {
      await running.stop()
    }
  }),
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
  await consumeAll(running, sent, warmUp + count)
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
      await publish(running, run, first)
      for (let number = first; number < first + run.batch; number++) sent.acknowledged(0, number)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, Math.floor(run.window / run.batch)) }, lane))
  return next - from
}

function publish(running: RunningSystem, { bytes, batch }: Publishing, from: number): Promise<void> {
  if (batch === 1) return running.publish(queue, payloadOf({ producer: 0, number: from }, bytes))
  const messages = Array.from({ length: batch }, (_, index) => payloadOf({ producer: 0, number: from + index }, bytes))
  return running.publishAll!(queue, messages)
}

/** Until everything was seen, or nothing comes any more. */
async function consumeAll(running: RunningSystem, sent: Ledger, count: number): Promise<void> {
  let seen = 0
  const consumer = await running.consume(queue, {
    window: 1_000,
    handle(message) {
      const { producer, number } = identityOf(message)
      sent.saw(producer, number)
      seen += 1
    },
  })
  for (let last = -1, since = performance.now(); seen < count || sent.account().seen < count;) {
    if (seen !== last) since = performance.now()
    else if (performance.now() - since > nothingComesMs) break
    last = seen
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await consumer.stop()
}
