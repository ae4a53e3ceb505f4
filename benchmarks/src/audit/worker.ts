import { identityOf, payloadOf } from '../house/payload.ts'
import { systemNamed } from '../systems/index.ts'
import type { RunningSystem } from '../systems/system.ts'

/** What a worker is told to do. */
export type Order =
  | { readonly publish: { readonly from: number; readonly count: number; readonly window: number } }
  /** Until a `rest` comes. */
  | { readonly consume: true }
  | { readonly rest: true }
  | { readonly stop: true }

/** What it says, as it happens. */
export type Word =
  | { readonly started: readonly number[] }
  | { readonly acknowledged: number }
  | { readonly saw: number }
  /** The order before is carried out. */
  | { readonly done: true }

const queue = 'audit'
const bytes = 1_000

/** A process with one system in one folder, which is there to be looked at from outside and to be killed. */
async function work(name: string, folder: string): Promise<void> {
  const running = await systemNamed(name).start(folder)
  await running.create({ name: queue })
  let consumer: { stop(): Promise<void> } | undefined
  const carryOut = async (order: Order): Promise<void> => {
    if ('publish' in order) await publish(running, order.publish)
    else if ('consume' in order) {
      const handle = (message: Uint8Array): void => say({ saw: identityOf(message).number })
      consumer = await running.consume(queue, { window: 1_000, handle })
    } else if ('rest' in order) await consumer?.stop()
    else await running.stop()
    say({ done: true })
    if ('stop' in order) process.disconnect()
  }
  process.on('message', (order: Order) => void carryOut(order))
  say({ started: running.pids })
}

async function publish(
  running: RunningSystem,
  { from, count, window }: { readonly from: number; readonly count: number; readonly window: number },
): Promise<void> {
  let next = from
  const lane = async (): Promise<void> => {
    while (next < from + count) {
      const number = next++
      await running.publish(queue, payloadOf({ producer: 0, number }, bytes))
      say({ acknowledged: number })
    }
  }
  await Promise.all(Array.from({ length: window }, lane))
}

function say(word: Word): void {
  process.send!(word)
}

const [name, folder] = process.argv.slice(2)
if (name !== undefined && folder !== undefined) await work(name, folder)
