import type { Broker, Caller } from '../broker/port/broker.ts'
import type { HistoricEvent } from '../broker/port/events.ts'
import type { Explanation } from '../broker/port/standing.ts'
import { TidingsError } from '../errors.ts'
import type { Position } from '../event/index.ts'
import type { EntityOwner, OwnerStanding } from '../outbox/index.ts'
import type { InspectedCopy } from './copy.ts'
import type { CopyHop } from './hops.ts'

export interface TraceOptions {
  readonly broker: Broker
  readonly caller: Caller
  readonly topic: string
  readonly key: string
  /** How many events to tell of, the newest: 1 to 100; 10 where absent. */
  readonly limit?: number
  /** How many events of the topic to look through: see `HistoryRequest`. */
  readonly scan?: number
  readonly owner?: EntityOwner
  readonly copies?: readonly InspectedCopy[]
}

/** The life of what has one key in a topic, as far as somebody keeps it. */
export interface Trace {
  readonly topic: string
  readonly key: string
  /** What the owner has and what waits in its outbox, where it was asked. */
  readonly owner?: OwnerStanding
  /** The newest first. */
  readonly events: readonly TracedEvent[]
  /** The topic has older events, and they were not looked through. */
  readonly isPartial: boolean
  /** Retention has removed events up to here. */
  readonly trimmed?: Position
  readonly copies: readonly (CopyHop & { readonly subscription: string })[]
}

/** One event. Its own `time` is when the owner made it; the broker keeps when it was stored, and no time of a settle. */
export interface TracedEvent extends HistoricEvent {
  /** Where it stands at each subscription of the topic. */
  readonly at: readonly (Explanation & { readonly subscription: string })[]
}

/** Follows what has one key from its owner to each subscription and copy. Reads only, and tells nothing that nobody keeps. */
export async function traceKey(options: TraceOptions): Promise<Trace> {
  const { broker, caller, topic, key, limit = 10, scan, owner, copies = [] } = options
  const [standing] = (await owner?.standing([key])) ?? []
  const history = await broker.history(caller, { topic, keys: [key], ...(scan !== undefined && { scan }) })
  const subscriptions = (await broker.subscriptions(caller))
    .filter((subscription) => subscription.topic === topic)
    .map(({ subscription }) => subscription)
    .sort()
  const events: TracedEvent[] = []
  for (const event of history.events.slice(0, limit)) {
    const at = await Promise.all(subscriptions.map((subscription) => standingAt(options, subscription, event.position)))
    events.push({ ...event, at: at.filter((each) => each !== undefined) })
  }
  const copied = copies.map(async (copy) => {
    const found = (await copy.find([key])).get(key)
    return { subscription: copy.subscription, ...(found ?? { keepsVersions: false }) }
  })
  return {
    topic,
    key,
    ...(standing && { owner: standing }),
    events,
    isPartial: history.next !== undefined || history.events.length > limit,
    ...(history.trimmed !== undefined && { trimmed: history.trimmed }),
    copies: await Promise.all(copied),
  }
}

/** Nothing where the subscription was removed meanwhile. */
async function standingAt(
  { broker, caller }: Pick<TraceOptions, 'broker' | 'caller'>,
  subscription: string,
  position: Position,
): Promise<TracedEvent['at'][number] | undefined> {
  try {
    return { subscription, ...(await broker.explain(caller, { subscription, event: { position } })) }
  } catch (error) {
    if (error instanceof TidingsError && error.code === 'subscription-unknown') return undefined
    throw error
  }
}
