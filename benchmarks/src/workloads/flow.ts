import { inDriver } from '../house/driver.ts'
import { bytesOf } from '../house/folder.ts'
import { ledger, mustBeComplete, type Account } from '../house/ledger.ts'
import { usageOf } from '../house/usage.ts'
import type { RunningSystem } from '../systems/system.ts'
import { mostMessages, send, subscribe, withSystem, type Subscriber } from './messages.ts'
import { Room } from './room.ts'

/** Messages that are published, given out and acknowledged at the same time, for a while. */
export interface Flow {
  readonly system: string
  readonly folder: string
  readonly bytes: number
  /** Messages in flight of the one producer, and in hand of each consumer. */
  readonly window: number
  /** How many are published in one call; 1 is a call for each. */
  readonly batch: number
  readonly subscriptions: number
  /** One more, whose consumer takes as many as it may and does nothing with them until the measuring is over. */
  readonly isOneStalled?: boolean
  readonly warmUpSeconds: number
  readonly seconds: number
}

export interface FlowResult extends Omit<Account, 'lost'> {
  /** Messages handled by those that are not stalled, in each second that was measured. */
  readonly perSecond: number
  /** Of the whole box, for a million of those. */
  readonly cpuSecondsPerMillion: number
  /** Bytes that the folder has grown by, for each byte of a payload that was published. */
  readonly storedShare: number
}

const queue = 'flow'
/** So many windows the producer may be ahead of its slowest consumer: a steady state, not a backlog. */
const windowsAhead = 2

export const flow = inDriver(import.meta.url, 'flow', (run: Flow) =>
  withSystem(run, (running) => measure(running, run)),
)

async function measure(running: RunningSystem, run: Flow): Promise<FlowResult> {
  const names = Array.from({ length: run.subscriptions }, (_, index) => `s${index}`)
  const stalled = run.isOneStalled ? ['stalled'] : []
  await running.create({ name: queue, subscriptions: [...names, ...stalled] })
  const bytesBefore = await bytesOf(run.folder)
  const room = new Room(run.subscriptions, windowsAhead * run.window)
  const release = new Released()
  const ledgers = [...names, ...stalled].map(() => ledger({ producers: 1, messages: mostMessages }))
  const subscribers: Subscriber[] = []
  for (const [index, subscription] of [...names, ...stalled].entries()) {
    const way = index < names.length ? { onHandled: () => room.handled(index) } : { before: release.wait }
    const { window } = run
    subscribers.push(await subscribe(running, ledgers[index]!, { queue, subscription, window, ...way }))
  }
  const acknowledged = (number: number): void => {
    for (const sent of ledgers) sent.acknowledged(0, number)
  }
  const producer = produce(running, run, { room, acknowledged })
  const measuring = rateOf(running, run, subscribers.slice(0, names.length))
  const { perSecond, cpuSecondsPerMillion } = await Promise.race([measuring, producer.failed])
  const published = await producer.stop()
  const storedShare = ((await bytesOf(run.folder)) - bytesBefore) / (published * run.bytes)
  release.now()
  for (const subscriber of subscribers) await subscriber.complete(published)
  const { seen, duplicated, reordered } = sumOf(ledgers.map(mustBeComplete))
  return { perSecond, cpuSecondsPerMillion, storedShare, seen, duplicated, reordered }
}

function sumOf(accounts: readonly Account[]): Account {
  return accounts.reduce((sum, each) => ({
    lost: sum.lost + each.lost,
    seen: sum.seen + each.seen,
    duplicated: sum.duplicated + each.duplicated,
    reordered: sum.reordered + each.reordered,
  }))
}

async function rateOf(
  running: RunningSystem,
  run: Flow,
  subscribers: readonly Subscriber[],
): Promise<{ readonly perSecond: number; readonly cpuSecondsPerMillion: number }> {
  const pids = [process.pid, ...running.pids]
  const handled = (): number => subscribers.reduce((sum, subscriber) => sum + subscriber.handled(), 0)
  await pause(run.warmUpSeconds)
  const before = { handled: handled(), cpu: usageOf(pids).cpuSeconds, at: performance.now() }
  await pause(run.seconds)
  const count = handled() - before.handled
  const seconds = (performance.now() - before.at) / 1_000
  if (count === 0) throw new Error(`nothing was handled in ${run.seconds} s`)
  return {
    perSecond: count / seconds,
    cpuSecondsPerMillion: ((usageOf(pids).cpuSeconds - before.cpu) / count) * 1_000_000,
  }
}

/** Publishes until it is stopped, as fast as the window and the consumers allow; counts from 0. */
function produce(
  running: RunningSystem,
  run: Flow,
  options: { readonly room: Room; readonly acknowledged: (number: number) => void },
): { readonly failed: Promise<never>; stop(): Promise<number> } {
  let next = 0
  let isOver = false
  const lane = async (): Promise<void> => {
    while (!isOver) {
      await options.room.take(run.batch)
      if (isOver) return
      const from = next
      next += run.batch
      await send(running, { ...run, queue }, from)
      for (let number = from; number < from + run.batch; number++) options.acknowledged(number)
    }
  }
  const lanes = Math.max(1, Math.floor(run.window / run.batch))
  const publishing = Promise.all(Array.from({ length: lanes }, lane))
  const failed = new Promise<never>((_, reject) => void publishing.catch(reject))
  failed.catch(() => undefined)
  return {
    failed,
    async stop() {
      isOver = true
      options.room.open()
      await publishing
      return next
    },
  }
}

/** What waits until the measuring is over. */
class Released {
  readonly #released: Promise<void>
  #release = (): void => undefined
  #isReleased = false

  constructor() {
    this.#released = new Promise((resolve) => (this.#release = resolve))
  }

  now(): void {
    this.#isReleased = true
    this.#release()
  }

  readonly wait = (work: () => void): Promise<void> | void => {
    return this.#isReleased ? work() : this.#released.then(work)
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
}
