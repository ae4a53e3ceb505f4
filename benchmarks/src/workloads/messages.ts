import type { Ledger } from '../house/ledger.ts'
import { identityOf, payloadOf } from '../house/payload.ts'
import { systemNamed } from '../systems/index.ts'
import type { RunningSystem } from '../systems/system.ts'

/** Far more than any run publishes. */
export const mostMessages = 8_000_000
const nothingComesMs = 30_000

/**
 * A system for the work of a driver. Where that fails, nothing is ended in good order: the processes end with the driver,
 * and the folder is removed by whoever made it.
 */
export async function withSystem<Result>(
  { system, folder }: { readonly system: string; readonly folder: string },
  work: (running: RunningSystem) => Promise<Result>,
): Promise<Result> {
  const running = await systemNamed(system).start(folder)
  const result = await work(running)
  await running.stop()
  return result
}

/** One message of producer 0, or as many in a call as a batch has, from this number on. */
export async function send(
  running: RunningSystem,
  { queue, bytes, batch }: { readonly queue: string; readonly bytes: number; readonly batch: number },
  from: number,
): Promise<void> {
  if (batch === 1) return running.publish(queue, payloadOf({ producer: 0, number: from }, bytes))
  if (!running.publishAll) throw new Error('it has no call for many messages')
  const messages = Array.from({ length: batch }, (_, index) => payloadOf({ producer: 0, number: from + index }, bytes))
  return running.publishAll(queue, messages)
}

export interface Subscriber {
  handled(): number
  /** Resolves when it has seen so many, or when nothing has come for a long time. */
  complete(count: number): Promise<void>
}

/** Keeps in a ledger what a consumer sees. `before` may hold it back. */
export async function subscribe(
  running: RunningSystem,
  sent: Ledger,
  options: {
    readonly queue: string
    readonly subscription?: string
    readonly window: number
    readonly onHandled?: () => void
    readonly before?: (handle: () => void) => Promise<void> | void
  },
): Promise<Subscriber> {
  const { queue, subscription, window, onHandled, before } = options
  let handled = 0
  const note = (message: Uint8Array): void => {
    const { producer, number } = identityOf(message)
    sent.saw(producer, number)
    handled += 1
    onHandled?.()
  }
  const handle = before ? (message: Uint8Array) => before(() => note(message)) : note
  const consumer = await running.consume(queue, { window, handle, ...(subscription !== undefined && { subscription }) })
  return {
    handled: () => handled,
    async complete(count) {
      for (let last = -1, since = performance.now(); handled < count || sent.account().seen < count;) {
        if (handled !== last) since = performance.now()
        else if (performance.now() - since > nothingComesMs) break
        last = handled
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      await consumer.stop()
    },
  }
}
