import type { Broker, Caller } from '../broker/port/broker.ts'
import type { LatestPage, PositionedEvent } from '../broker/port/events.ts'
import { TidingsError } from '../errors.ts'

const eventsAtOnce = 500

export interface BrokerListing {
  readonly broker: Broker
  readonly caller: Caller
  readonly topic: string
}

/** One page of the newest events of all keys; from the beginning where the cursor belongs to another life of the topic. */
export async function latestPage(
  { broker, caller, topic }: BrokerListing,
  cursor: string | undefined,
): Promise<LatestPage> {
  const request = { topic, limit: eventsAtOnce }
  try {
    return await broker.latest(caller, cursor === undefined ? request : { ...request, cursor })
  } catch (error) {
    if (cursor === undefined || !(error instanceof TidingsError) || error.code !== 'position-unknown') throw error
    return broker.latest(caller, request)
  }
}

/** The newest events of all keys, page by page. */
export async function* latestPages(listing: BrokerListing): AsyncGenerator<readonly PositionedEvent[]> {
  for (let cursor: string | undefined, more = true; more;) {
    const page = await latestPage(listing, cursor)
    yield page.events
    cursor = page.next
    more = cursor !== undefined
  }
}
