import type { Broker, Caller } from '../broker/port/broker.ts'
import { TidingsError } from '../errors.ts'
import { comparePositions, type Position } from '../event/index.ts'

/**
 * Knows what is on its way from a source to a copy. A note stands for everything that the source had committed when it was
 * asked for, or for more.
 */
export interface Settling {
  /** `undefined` while that is not known. */
  note(): Promise<string | undefined>
  /** Whether everything up to a note has reached the copy or was given up. It does not change back. */
  hasArrived(note: string): Promise<boolean>
}

/**
 * By the word of the broker: what is published of a topic by now ends at its head, and has arrived once the floor of the
 * copy's subscription is there.
 */
export function settlingByBroker(options: {
  readonly broker: Broker
  readonly caller: Caller
  /** The copy's: `CopySide.subscription`. */
  readonly subscription: string
  /**
   * Whether everything that the source had committed when it is called is published: its outbox is empty, of held events
   * too, or its capture has come as far as the log. It is asked again until it is so.
   */
  readonly isPublished: () => Promise<boolean>
}): Settling {
  const { broker, caller, subscription, isPublished } = options
  return {
    note: () =>
      unlessUnknown(undefined, async () => {
        if (!(await isPublished())) return undefined
        return (await broker.stats(caller, subscription)).head
      }),
    hasArrived: (note: Position) =>
      unlessUnknown(false, async () => comparePositions((await broker.stats(caller, subscription)).floor, note) >= 0),
  }
}

/** Nothing is known while the broker is out of reach, and nothing of a topic that has begun anew. */
async function unlessUnknown<Known>(unknown: Known, ask: () => Promise<Known>): Promise<Known> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof TidingsError && (error.retryable || error.code === 'position-unknown')) return unknown
    throw error
  }
}
