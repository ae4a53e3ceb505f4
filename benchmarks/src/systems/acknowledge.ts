import type { Consumption } from './system.ts'

/** Sends what came together in one call, at most one of them at a time. */
export interface Coalesced<Item> {
  add(item: Item): void
  /** Resolves when everything was sent. */
  settled(): Promise<void>
}

/**
 * The way in which every system here is told what is done: at once where nothing is under way, and what is done
 * meanwhile with the next call. A call that fails ends the benchmark.
 */
export function coalesced<Item>(send: (items: Item[]) => Promise<unknown> | void): Coalesced<Item> {
  let waiting: Item[] = []
  let sending: Promise<void> | undefined
  const sendAll = async (): Promise<void> => {
    // What is handled in the same turn goes together.
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const items = waiting
      waiting = []
      await send(items)
    }
    sending = undefined
  }
  return {
    add(item) {
      waiting.push(item)
      sending ??= sendAll()
    },
    settled: async () => sending,
  }
}

/** Knows up to where everything is done, for systems that acknowledge all up to a message. Counts from 1. */
export function doneUpTo(): (number: number) => number {
  const ahead = new Set<number>()
  let floor = 0
  return (number) => {
    if (number !== floor + 1) ahead.add(number)
    else for (floor = number; ahead.delete(floor + 1); floor++);
    return floor
  }
}

/** Has a message handled; without a promise in between where the handler needs none. */
export function hand(
  message: Uint8Array,
  handle: Consumption['handle'],
  on: { readonly done: () => void; readonly failed: () => void },
): void {
  const handled = handle(message)
  if (handled === undefined) on.done()
  else handled.then(on.done, on.failed)
}
