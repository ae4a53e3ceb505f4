import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Explanation } from '../broker/port/standing.ts'
import type { HistoricEvent, HistoryAnswer } from '../broker/port/events.ts'
import { TidingsError } from '../errors.ts'
import type { EntityOwner, OwnerStanding } from '../outbox/index.ts'
import type { ReadEntity } from '../replica/change.ts'
import { causeOf, type Verdict } from './cause.ts'
import type { InspectedCopy } from './copy.ts'
import type { CopyHop, Hops, OwnerHop, SubscriptionHop, TopicEvent, TopicHop } from './hops.ts'
import { StateReader } from './reading.ts'
import { seenAt, type Seen } from './seen.ts'
import { versionText } from './version-text.ts'

export interface InspectOptions {
  readonly broker: Broker
  readonly caller: Caller
  readonly copy: InspectedCopy
  /** Without it only what happened behind the topic can be found. */
  readonly owner?: EntityOwner
  /**
   * The entity in the contract with which the copy's service reads its events. Without it events of an older version of the
   * schema are not upcast: what they say cannot be compared with what is in a newer one.
   */
  readonly entity?: ReadEntity
  /**
   * How many events of the topic are looked through for older versions of the keys, and for those that came too late to
   * count: 100,000. Where one of these is further back, a counter that was set back is taken for a row that was never told.
   */
  readonly scan?: number
}

/** Why a copy is different at a key, and what was seen at each hop. */
export interface Cause extends Verdict {
  readonly key: string
  readonly seen: readonly Seen[]
}

const keysAtOnce = 100
const questionsAtOnce = 8
const mostLooks = 3
/** So many events of a key that a filter leaves out are passed on the way to one that it lets through. */
const mostLeftOut = 100

/** Finds out for each key, once, why the copy is different there, in the order given. Reads only. */
export async function explainDrift(options: InspectOptions, keys: readonly string[]): Promise<readonly Cause[]> {
  const causes: Cause[] = []
  // A comparison meets a row twice whose key was changed meanwhile.
  for (const some of chunks([...new Set(keys)], keysAtOnce)) {
    const hops = await lookAt(options, some)
    causes.push(...some.map((key) => ({ key, ...causeOf(hops.get(key)!), seen: seenAt(hops.get(key)!) })))
  }
  return causes
}

/** What is seen of some keys; those that are written meanwhile are looked at again, because what is seen must belong together. */
async function lookAt(options: InspectOptions, keys: readonly string[]): Promise<ReadonlyMap<string, Hops>> {
  const found = new Map<string, Hops>()
  for (let look = 1, left = keys; left.length > 0; look++) {
    const { hops, changed } = await lookOnce(options, left)
    for (const each of hops) found.set(each.key, changed.has(each.key) ? { ...each, isChanging: true } : each)
    left = look < mostLooks ? [...changed] : []
  }
  return found
}

/**
 * Along the way of the events, so that each hop has at least what the one before it had told when that was asked; the
 * owner once more at the end, who must not have told anything new meanwhile.
 */
async function lookOnce(
  options: InspectOptions,
  keys: readonly string[],
): Promise<{ readonly hops: readonly Hops[]; readonly changed: ReadonlySet<string> }> {
  const { broker, caller, copy, owner, entity, scan = 100_000 } = options
  const { topic } = copy
  const reader = new StateReader(copy, entity)
  const before = await owner?.standing(keys)
  const history = await broker.history(caller, { topic, keys, scan })
  const topics = new Map(keys.map((key) => [key, topicHop(history, key, reader)]))
  const subscriptions = await subscriptionHops(options, topics)
  const copies = await copy.find(keys)
  const after = await owner?.standing(keys)
  const changed = keys.filter((_, index) => JSON.stringify(before?.[index]) !== JSON.stringify(after?.[index]))
  const hops = keys.map((key, index): Hops => {
    const subscription = subscriptions.get(key)
    const has = before && ownerHop(before[index]!, reader)
    const told = topics.get(key)!
    // A copy of whose contract nothing is known has most likely that of the owner.
    const schema = entity?.version ?? has?.schema ?? told.newest?.schema
    return {
      key,
      ...(has && { owner: has }),
      topic: told,
      ...(subscription && { subscription }),
      copy: { keepsVersions: false, ...copies.get(key), ...(schema !== undefined && { schema }) } satisfies CopyHop,
    }
  })
  return { hops, changed: new Set(changed) }
}

// --------------------------------------------------------------------------------------------------------- single hops

function ownerHop(standing: OwnerStanding, reader: StateReader): OwnerHop {
  const { isPresent, refusal, version, unsent, held, isListing } = standing
  return {
    isPresent,
    ...reader.owner(standing),
    ...(refusal !== undefined && { refusal }),
    ...(version && { version: versionText(version, version.isPresent) }),
    unsent,
    held,
    isListing,
  }
}

function topicHop({ events, trimmed }: HistoryAnswer, key: string, reader: StateReader): TopicHop {
  const ofKey = events
    .filter(({ event }) => event.key === key)
    .map((event) => ({ stale: event.stale, ...topicEvent(event, reader) }))
  const [newest, ...earlier] = ofKey.filter(({ stale }) => !stale)
  const [last] = ofKey
  return {
    ...(newest && { newest }),
    earlier,
    ...(last?.stale && { stale: last }),
    isTrimmed: trimmed !== undefined,
  }
}

function topicEvent(found: HistoricEvent, reader: StateReader): TopicEvent {
  const { position, appendedAt, erased = false } = found
  return { position, ...reader.event(found), isErased: erased, appendedAt }
}

async function subscriptionHops(
  { broker, caller, copy }: InspectOptions,
  topics: ReadonlyMap<string, TopicHop>,
): Promise<ReadonlyMap<string, SubscriptionHop>> {
  const { subscription } = copy
  const hops = new Map<string, SubscriptionHop>()
  const description = await broker.subscription(caller, subscription).catch(unlessUnknown)
  if (!description) return hops
  // The watermark first: the copy's database knew of it before it was told.
  const applied = await copy.applied()
  const isAheadOfCopy = applied !== undefined && description.watermark > applied
  const { types } = description.filter ?? {}
  for (const some of chunks([...topics], questionsAtOnce)) {
    await Promise.all(
      some.map(async ([key, topic]) => {
        const explanation = await explanationOf({ broker, caller, subscription }, topic)
        hops.set(key, { subscription, isAheadOfCopy, ...(types && { types }), ...(explanation && { explanation }) })
      }),
    )
  }
  return hops
}

/** A subscription that leaves the newest event out has had to do with an older one, such as the first of its key. */
async function explanationOf(
  { broker, caller, subscription }: Pick<InspectOptions, 'broker' | 'caller'> & { readonly subscription: string },
  { newest, earlier }: TopicHop,
): Promise<Explanation | undefined> {
  let first: Explanation | undefined
  for (const { position } of newest ? [newest, ...earlier.slice(0, mostLeftOut)] : []) {
    const event = { position }
    const explanation = await broker.explain(caller, { subscription, event }).catch(unlessUnknown)
    first ??= explanation
    if (explanation?.state !== 'filtered') return explanation ?? first
  }
  return first
}

function unlessUnknown(error: unknown): undefined {
  const isUnknown =
    error instanceof TidingsError && (error.code === 'subscription-unknown' || error.code === 'position-unknown')
  if (!isUnknown) throw error
}

export function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}
