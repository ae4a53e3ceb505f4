import type { Broker, Caller } from '../broker/port/broker.ts'
import type { HistoricEvent } from '../broker/port/events.ts'
import type { Explanation } from '../broker/port/standing.ts'
import { TidingsError, type ErrorCode } from '../errors.ts'
import type { EntityVersion, Position } from '../event/index.ts'
import type { EntityOwner, OwnerStanding } from '../outbox/index.ts'
import type { InspectedCopy } from './copy.ts'
import type { CopyHop } from './hops.ts'
import { versionIn } from './version-text.ts'

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
  readonly copies: readonly TracedCopy[]
}

const removed = new Set<ErrorCode>(['subscription-unknown', 'position-unknown'])

/** What a copy has of the key. It keeps no times. */
export interface TracedCopy {
  /** The subscription that brings its events. */
  readonly subscription: string
  readonly isPresent: boolean
  /** Of its row: the canonical JSON of each column beside the key. */
  readonly values?: Readonly<Record<string, string>>
  /** Whether it stores which version a row is of, as replicas do and tables of handlers do not. */
  readonly keepsVersions: boolean
  /** Of its row; absent as well where what is stored there is no version. */
  readonly version?: EntityVersion
  /** The version in which it deleted the row, as long as it remembers that. */
  readonly deletedVersion?: EntityVersion
  /** The newest state that its contract could not read. */
  readonly unread?: { readonly version?: EntityVersion; readonly reason: string }
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
    const found = (await copy.find([key])).get(key) ?? { keepsVersions: false }
    return tracedCopy(copy.subscription, found)
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

function tracedCopy(subscription: string, { values, keepsVersions, unread, ...texts }: CopyHop): TracedCopy {
  return {
    subscription,
    isPresent: values !== undefined,
    ...(values && { values: Object.fromEntries(values) }),
    keepsVersions,
    ...given('version', texts.version),
    ...given('deletedVersion', texts.deletedVersion),
    ...(unread && { unread: { ...given('version', unread.version), reason: unread.reason } }),
  }
}

function given<Name extends string>(name: Name, text: string | undefined): { readonly [Key in Name]?: EntityVersion } {
  const version = text === undefined ? undefined : versionIn(text)
  return (version ? { [name]: version } : {}) as { readonly [Key in Name]?: EntityVersion }
}

/** Nothing where the subscription, or the event, was removed meanwhile. */
async function standingAt(
  { broker, caller }: Pick<TraceOptions, 'broker' | 'caller'>,
  subscription: string,
  position: Position,
): Promise<TracedEvent['at'][number] | undefined> {
  try {
    return { subscription, ...(await broker.explain(caller, { subscription, event: { position } })) }
  } catch (error) {
    if (error instanceof TidingsError && removed.has(error.code)) return undefined
    throw error
  }
}
