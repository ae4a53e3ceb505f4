import {
  admit,
  formatCursor,
  identityHash,
  IdentityWindow,
  parseCursor,
  Refused,
  sameContent,
  withoutPayload,
  type AdmissionState,
  type AppendAnswer,
  type AppendRequest,
  type EarlierLife,
  type IdentityBounds,
  type LatestPage,
  type LogDescription,
  type LogPage,
  type LogRecord,
  type LogSettings,
  type ProducerState,
  type StoreItem,
  type TopicId,
  type TopicItem,
  type TrimOptions,
} from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'
import { decodeEvent, encodeEvent, isTombstone, versionOf, type EntityVersion, type Event } from '../../event/index.ts'
import { incarnationOf } from './incarnation.ts'

const livesRemembered = 20

interface StoredRecord {
  readonly offset: number
  readonly appendedAt: number
  readonly shard: number
  readonly stale: boolean
  readonly key: string | undefined
  erased: boolean
  /** The bytes of all events that were ever appended up to this one. */
  readonly bytesThrough: number
  /** Encoded, so that nobody who holds an event can change what is stored. */
  event: Uint8Array
}

interface Newest {
  readonly version: EntityVersion
  readonly offset: number
}

export interface MemoryTopicOptions {
  readonly incarnation: string
  readonly settings: LogSettings
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
  readonly environment: Environment
  /** What it was elsewhere, where its life began there. */
  readonly arrived?: TopicItem
}

/** One life of one topic. */
export class MemoryTopic {
  readonly settings: LogSettings
  #incarnation: string
  readonly #environment: Environment
  readonly #identities: IdentityWindow
  readonly #seed: number
  readonly #producers = new Map<string, ProducerState>()
  readonly #newest = new Map<string, Newest>()
  /** The keys of `#newest` in the order of their first event: a place in it stays where it is. */
  readonly #keys: string[] = []
  /** Ascending by offset. */
  #records: StoredRecord[] = []
  #continues: readonly EarlierLife[]
  #head: number
  #bytes = 0
  #trimmed: number

  constructor({ incarnation, settings, deduplication, environment, arrived }: MemoryTopicOptions) {
    this.settings = settings
    this.#incarnation = incarnation
    this.#environment = environment
    this.#continues = arrived?.continues ?? []
    this.#seed = arrived?.seed ?? Math.floor(environment.random.next() * 2 ** 32)
    this.#head = arrived?.head ?? 0
    this.#trimmed = arrived?.trimmed ?? 0
    this.#identities = new IdentityWindow(deduplication)
  }

  describe(): LogDescription {
    const { maxIds, maxAgeMs } = this.#identities
    return {
      kind: this.settings.kind,
      shards: this.settings.shards,
      incarnation: this.#incarnation,
      head: this.#head,
      trimmed: this.#trimmed,
      deduplication: { ids: this.#identities.size(this.#environment.clock.now()), maxIds, maxAgeMs },
      ...(this.#continues.length > 0 && { continues: this.#continues }),
    }
  }

  append(requests: readonly AppendRequest[]): AppendAnswer[] {
    // Encoding may throw on what is no event: before anything has changed.
    const encoded = requests.map(({ event }) => encodeEvent(event))
    const appendedAt = this.#environment.clock.now()
    const state = this.#admissionState(appendedAt)
    const refused = new Refused()
    return requests.map((request, index): AppendAnswer => {
      const admission = admit(this.settings.kind, request, this.#head + 1, state, refused)
      if (request.producer && admission.producer) this.#producers.set(request.producer.id, admission.producer)
      if (!admission.store) return admission.answer
      const { event, shard } = request
      const { stale } = admission
      const offset = (this.#head += 1)
      const bytesThrough = (this.#bytes += encoded[index]!.length)
      const stored = { offset, appendedAt, shard, stale, key: event.key, erased: false, bytesThrough }
      this.#store({ ...stored, event: encoded[index]! }, event)
      return { status: 'stored', offset, stale }
    })
  }

  producer(id: string): ProducerState | undefined {
    return this.#producers.get(id)
  }

  read({ after, limit, shard }: { after: number; limit: number; shard?: number }): LogPage {
    const records: LogRecord[] = []
    let until = Math.max(after, this.#head)
    for (let index = this.#indexAfter(after); index < this.#records.length; index++) {
      const record = this.#records[index]!
      if (shard !== undefined && record.shard !== shard) continue
      if (records.length === limit) {
        until = records.at(-1)?.offset ?? after
        break
      }
      records.push(recordOf(record))
    }
    return { records, until, damaged: [] }
  }

  latest({ cursor, limit }: { cursor?: string; limit: number }): LatestPage {
    const { from, after } = cursor === undefined ? { from: this.#head, after: '0' } : parseCursor(cursor, this.#place)
    const begin = Number(after)
    const keys = this.#keys.slice(begin, begin + limit)
    const page = { records: this.newest(keys), from, until: this.#head }
    const end = begin + keys.length
    return end < this.#keys.length
      ? { ...page, next: formatCursor({ ...this.#place, from, after: String(end) }) }
      : page
  }

  newest(keys: readonly string[]): LogRecord[] {
    return keys.flatMap((key) => {
      const record = this.#recordAt(this.#newest.get(key)?.offset ?? 0)
      return record ? [recordOf(record)] : []
    })
  }

  offsetBehind(bytes: number): number {
    let low = 0
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#records[middle]!.bytesThrough > this.#bytes - bytes) high = middle
      else low = middle + 1
    }
    return Math.max(this.#trimmed, this.#records[low - 1]?.offset ?? 0)
  }

  trim(through: number, { keep = [], tombstonesBefore = -Infinity }: TrimOptions = {}): void {
    const limit = Math.max(this.#trimmed, Math.min(through, this.#head))
    const kept = new Set(keep)
    const isNewest = ({ key, offset, appendedAt, event }: StoredRecord): boolean =>
      key !== undefined &&
      this.#newest.get(key)?.offset === offset &&
      !(appendedAt < tombstonesBefore && isTombstone(decodeEvent(event)))
    this.#records = this.#records.filter(
      (record) => record.offset > limit || kept.has(record.offset) || isNewest(record),
    )
    this.#trimmed = limit
  }

  erase(key: string): number {
    let count = 0
    for (const record of this.#records) {
      if (record.key !== key || record.erased) continue
      record.event = encodeEvent(withoutPayload(decodeEvent(record.event)))
      record.erased = true
      count += 1
    }
    return count
  }

  #store(record: StoredRecord, event: Event): void {
    this.#records.push(record)
    this.#identities.add(identityHash(event.source, event.id, this.#seed), record.offset, record.appendedAt)
    if (this.settings.kind !== 'entity' || event.key === undefined || record.stale) return
    this.#setNewest(event.key, { version: versionOf(event, record.offset), offset: record.offset })
  }

  #setNewest(key: string, newest: Newest): void {
    if (!this.#newest.has(key)) this.#keys.push(key)
    this.#newest.set(key, newest)
  }

  /** Everything that it holds, for another store. */
  *contents(id: TopicId, { maxIds, since }: IdentityBounds): Iterable<StoreItem> {
    const [incarnation, head, trimmed, seed] = [this.#incarnation, this.#head, this.#trimmed, this.#seed]
    yield { item: 'topic', id, ...this.settings, incarnation, continues: this.#continues, head, trimmed, seed }
    for (const key of this.#keys) yield { item: 'newest', key, ...this.#newest.get(key)! }
    for (const [producer, state] of this.#producers) yield { item: 'producer', id: producer, ...state }
    const identities = [...this.#identities.entries()]
      .filter(({ offset, at }) => offset > head - maxIds && at >= since && !this.#recordAt(offset))
      .map(({ offset, at, hash }) => ({ item: 'identity', offset, appendedAt: Math.floor(at), hash }) as const)
    const records = this.#records.map((record) => {
      const appendedAt = Math.floor(record.appendedAt)
      return { item: 'record', ...recordOf(record), appendedAt, bytesThrough: record.bytesThrough } as const
    })
    yield* [...identities, ...records].sort((left, right) => left.offset - right.offset)
  }

  /** Takes over what another store held of it: an item that follows that of the topic. */
  restore(item: StoreItem): void {
    if (item.item === 'newest') this.#setNewest(item.key, { version: item.version, offset: item.offset })
    if (item.item === 'producer') this.#producers.set(item.id, { epoch: item.epoch, counter: item.counter })
    if (item.item === 'identity') this.#identities.restore(item.hash, item.offset, item.appendedAt)
    if (item.item === 'damaged') throw damaged(item.offset)
    if (item.item !== 'record') return
    const { item: _, event, ...record } = item
    const { maxIds } = this.#identities
    if (record.offset > this.#head - maxIds) {
      this.#identities.restore(identityHash(event.source, event.id, this.#seed), record.offset, record.appendedAt)
    }
    this.#records.push({ ...record, key: event.key, event: encodeEvent(event) })
    this.#bytes = record.bytesThrough
  }

  /** As after a restore. */
  beginAnotherLife(): void {
    const before = { incarnation: this.#incarnation, through: this.#head }
    this.#continues = [...this.#continues, before].slice(-livesRemembered)
    this.#incarnation = incarnationOf(Number.parseInt(before.incarnation.slice(0, 4), 36), this.#environment)
  }

  /** For cursors. */
  get #place(): { readonly incarnation: string; readonly engine: string } {
    return { incarnation: this.#incarnation, engine: 'memory' }
  }

  #admissionState(now: number): AdmissionState {
    return {
      firstOffset: ({ source, id }) =>
        this.#identities.first(identityHash(source, id, this.#seed), now, (offset) => {
          const stored = this.#eventAt(offset)
          return stored && stored.source === source && stored.id === id
        }),
      sameContent: (offset, event) => {
        const record = this.#recordAt(offset)
        return record && !record.erased ? sameContent(decodeEvent(record.event), event) : undefined
      },
      producer: (id) => this.#producers.get(id),
      newestVersion: (key) => this.#newest.get(key)?.version,
    }
  }

  #eventAt(offset: number): Event | undefined {
    const record = this.#recordAt(offset)
    return record && decodeEvent(record.event)
  }

  #recordAt(offset: number): StoredRecord | undefined {
    const record = this.#records[this.#indexAfter(offset - 1)]
    return record?.offset === offset ? record : undefined
  }

  /** The place of the first record above this offset. */
  #indexAfter(offset: number): number {
    let low = 0
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#records[middle]!.offset > offset) high = middle
      else low = middle + 1
    }
    return low
  }
}

function recordOf({ offset, appendedAt, shard, stale, erased, event }: StoredRecord): LogRecord {
  return { offset, appendedAt, shard, stale, erased, event: decodeEvent(event) }
}

function damaged(offset: number): TidingsError {
  return new TidingsError(
    'store-corrupt',
    `The event at offset ${offset} is damaged, which memory cannot keep as it is.`,
  )
}
