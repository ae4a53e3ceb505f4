import { TidingsError } from '../errors.ts'
import { compileFilter, type DeliveryPolicy } from '../delivery/index.ts'
import type { Event, SubscriptionFilter } from '../event/index.ts'
import type { StoredSubscription } from './catalog.ts'
import type { ShardPage } from './log-reader.ts'

/**
 * The priorities of one subscription. Each has a lane: a delivery machine of its own per shard of the topic, with a
 * ledger and a cursor of its own, so that what matters is found although a million other events stand before it in the
 * log. Lanes read the same log, and each event belongs to one of them for ever, because priorities never change.
 */
export class Priorities {
  readonly count: number
  readonly #matchers: readonly ((event: Event) => boolean)[]

  constructor({ priorities = [] }: Pick<DeliveryPolicy, 'priorities'>) {
    this.#matchers = priorities.map((filter) => compileFilter(filter))
    this.count = priorities.length + 1
  }

  /** 0 for what matters most; what no filter matches comes last. */
  of(event: Event): number {
    const first = this.#matchers.findIndex((matches) => matches(event))
    return first < 0 ? this.count - 1 : first
  }

  /**
   * What the lanes of a priority take of a page of the log; the rest is passed, and counted where it belongs. Nobody
   * knows the priority of an event that is missing, so it is counted with what matters least.
   */
  part(priority: number, { records, gaps }: Part): Part {
    if (this.count === 1) return { records, gaps }
    return {
      records: records.filter(({ event }) => this.of(event) === priority),
      gaps: priority === this.count - 1 ? gaps : [],
    }
  }
}

type Part = Pick<ShardPage, 'records' | 'gaps'>

/** How many ledgers a subscription has: the lanes of the first priority come first, in the order of their shards. */
export function ledgerCount(shards: number, { priorities = [] }: Partial<DeliveryPolicy>): number {
  return shards * (priorities.length + 1)
}

const mostPriorities = 4
/** What an event keeps when its payload is erased. */
const lasting: ReadonlySet<string> = new Set(['id', 'partitionkey', 'source', 'type'])

/** The attributes that a filter looks at, beside its types. */
function attributesOf({ types: _, exact, prefix, suffix, all, any, not }: SubscriptionFilter): readonly string[] {
  const nested = [...(all ?? []), ...(any ?? []), ...(not ? [not] : [])]
  const named = [exact, prefix, suffix].flatMap((dialect) => Object.keys(dialect ?? {}))
  return [...named, ...nested.flatMap((filter) => attributesOf(filter))]
}

/** The priorities as they are kept; a `bad-request` says what makes no sense with them. */
export function priorityPolicy(
  priorities: readonly SubscriptionFilter[] | undefined,
  { coalesce, onDeadLetter }: { readonly coalesce?: unknown; readonly onDeadLetter: string },
): Pick<DeliveryPolicy, 'priorities'> {
  if (priorities === undefined) return {}
  const refuse = (message: string): TidingsError => new TidingsError('bad-request', message)
  if (!Array.isArray(priorities) || priorities.length < 1 || priorities.length > mostPriorities) {
    throw refuse('"priorities" must be a list of 1 to 4 filters, what matters most first.')
  }
  if (coalesce !== undefined || onDeadLetter === 'supersede') {
    const other = coalesce === undefined ? '"onDeadLetter": "supersede"' : '"coalesce"'
    throw refuse(
      `"priorities" and ${other} contradict each other: events of one key are in order within one priority only, so none says that another is needless. Leave one out.`,
    )
  }
  for (const [index, filter] of priorities.entries()) {
    compileFilter(filter, `priorities[${index}]`)
    const passing = attributesOf(filter).find((name) => !lasting.has(name))
    if (passing === undefined) continue
    throw refuse(
      `"priorities[${index}]" looks at ${passing}, which an erasure takes away, and an event must stay in its priority; use type, source, id or partitionkey.`,
    )
  }
  return { priorities }
}

/** The policy, refused where its priorities are others than before: events would change their lanes. */
export function keepPriorities(present: StoredSubscription | undefined, policy: DeliveryPolicy): DeliveryPolicy {
  if (!present || JSON.stringify(present.policy.priorities) === JSON.stringify(policy.priorities)) return policy
  const { subscription } = present
  const has = present.policy.priorities ? 'other priorities' : 'no priorities'
  throw new TidingsError(
    'subscription-conflict',
    `Subscription ${subscription} was created with ${has}, and they are fixed from then on; make another subscription with those that you want, and remove this one when it has caught up.`,
    { details: { subscription } },
  )
}
