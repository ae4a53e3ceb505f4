import { createHash, type Hash } from 'node:crypto'
import type { LedgerItem, StoreItem, TopicId, TopicItem, TopicKind } from '../engine/index.ts'
import { encodeEvent } from '../event/index.ts'

/** What a store holds, counted. */
export interface StoreCounts {
  readonly topics: readonly TopicCounts[]
  /** Events of all topics. */
  readonly events: number
  readonly ledgers: number
  /** Of all ledgers: what subscriptions, schedules, the catalogue … have noted. */
  readonly entries: number
}

export interface TopicCounts extends TopicId {
  readonly kind: TopicKind
  /** The offset of the newest event ever appended. */
  readonly head: number
  readonly events: number
  /** Of those that cannot be read. */
  readonly damaged: number
}

/**
 * Counts what streams by, and digests it: two stores have the same digest when they hold the same items, in whichever
 * order they give them. It is the sum of the digests of the items, each with what it belongs to: unlike with the exclusive
 * or, what is there twice does not cancel itself out.
 */
export class Tally {
  readonly #topics = new Map<string, { -readonly [Name in keyof TopicCounts]: TopicCounts[Name] }>()
  #counts = { events: 0, ledgers: 0, entries: 0 }
  #items = 0
  #high = 0n
  #low = 0n
  /** The topic or ledger that the items belong to. */
  #owner = ''

  get events(): number {
    return this.#counts.events
  }

  get digest(): string {
    return `${this.#items}-${this.#high.toString(16)}-${this.#low.toString(16)}`
  }

  get counts(): StoreCounts {
    const topics = [...this.#topics].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, counts]) => counts)
    return { topics, ...this.#counts }
  }

  add(item: StoreItem): void {
    if (item.item === 'topic') this.#begin(item)
    if (item.item === 'ledger') this.#beginLedger(item)
    if (item.item === 'entry') this.#counts.entries += 1
    const topic = this.#topics.get(this.#owner)
    if (topic && item.item === 'damaged') topic.damaged += 1
    if (topic && (item.item === 'damaged' || item.item === 'record')) {
      topic.events += 1
      this.#counts.events += 1
    }
    this.#sum(digestOf(this.#owner, item).digest())
  }

  #begin({ id, kind, head }: TopicItem): void {
    this.#owner = `topic ${id.namespace}/${id.topic}`
    this.#topics.set(this.#owner, { ...id, kind, head, events: 0, damaged: 0 })
  }

  #beginLedger({ id }: LedgerItem): void {
    this.#owner = `ledger ${id.namespace}/${id.ledger}/${id.shard}`
    this.#counts.ledgers += 1
  }

  #sum(digest: Buffer): void {
    this.#items += 1
    this.#high = BigInt.asUintN(64, this.#high + digest.readBigUInt64BE(0))
    this.#low = BigInt.asUintN(64, this.#low + digest.readBigUInt64BE(8))
  }
}

/** Of everything in an item but sums of bytes, which an engine may keep less exactly than another. */
function digestOf(owner: string, item: StoreItem): Hash {
  const hash = createHash('sha256')
  if (item.item !== 'record') return hash.update(canonical([owner, item]))
  const { event, offset, appendedAt, shard, stale, erased } = item
  return hash.update(canonical([owner, { offset, appendedAt, shard, stale, erased }])).update(encodeEvent(event))
}

/** JSON with the names of objects in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).sort(([left], [right]) => (left < right ? -1 : 1)))
  })
}
