import {
  admit,
  identityHash,
  IdentityWindow,
  Refused,
  sameContent,
  type AdmissionState,
  type AppendAnswer,
  type AppendRequest,
  type EarlierLife,
  type IdentityHash,
  type LogDescription,
  type LogSettings,
  type ProducerState,
} from '../../engine/index.ts'
import type { Environment } from '../../environment/index.ts'
import { decodeEvent, versionOf, type Event } from '../../event/index.ts'
import { topicKey } from './keys.ts'
import { recordFlags } from './block.ts'
import { TopicBatch } from './topic-batch.ts'
import { TopicReader } from './topic-reader.ts'
import { TrimProgress } from './trim-progress.ts'
import { NewestIndex, type Newest } from './newest-index.ts'
import { seal } from './sealed.ts'
import type { Store } from './store.ts'
import type { Group } from './writer.ts'

/** What is stored of a topic itself. */
export interface TopicRecord extends LogSettings {
  /** Its number in keys. */
  readonly number: number
  readonly incarnation: string
  /** Of the hashes of its identities. */
  readonly seed: number
  readonly trimmed: number
  /** The lowest offset that the last trim was asked to keep. */
  readonly keptFrom?: number
  /** The head at the last trim, which may have removed the block that says so. */
  readonly head: number
  /** Lives that ended in a restored backup: what they had up to an offset is the same here. */
  readonly continues?: readonly EarlierLife[]
}

export interface TopicOptions {
  readonly name: string
  readonly record: TopicRecord
  readonly store: Store
  readonly environment: Environment
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
  /** Called when there are more events to read. */
  readonly onGrown: () => void
}

/** One life of one topic. Decides about appends in memory, ahead of the disk; reads only what is on disk. */
export class Topic {
  readonly name: string
  readonly reader: TopicReader
  readonly progress = new TrimProgress()
  /** Set while it is being removed: nothing is appended any more. */
  removed = false
  #record: TopicRecord
  readonly #environment: Environment
  readonly #identities: IdentityWindow
  #identitiesLoaded = false
  /** Not durable yet, oldest first: at most the group that is being written and the one that is being collected. */
  readonly #batches: TopicBatch[] = []
  readonly #producers = new Map<string, ProducerState>()
  readonly #newest: NewestIndex
  readonly #state = this.#admissionState()
  readonly #onGrown: () => void
  #hashed: { readonly event: Event; readonly identity: IdentityHash } | undefined
  /** The newest offset that is durable, and the newest one that was given. */
  #head: number
  #given: number
  /** The bytes of all events up to each of them, counted from the first one that was stored at the last start. */
  #bytes: number
  #givenBytes: number

  constructor({ name, record, store, environment, deduplication, onGrown }: TopicOptions) {
    this.name = name
    this.#record = record
    this.#environment = environment
    this.#onGrown = onGrown
    this.#identities = new IdentityWindow(deduplication)
    this.reader = new TopicReader(store, record.number, name)
    this.#newest = new NewestIndex(store, this.reader)
    this.#head = Math.max(record.head, this.reader.lastOffset())
    this.#given = this.#head
    this.#bytes = this.reader.lastBytes()
    this.#givenBytes = this.#bytes
  }

  get record(): TopicRecord {
    return this.#record
  }

  get head(): number {
    return this.#head
  }

  /** The window holds no identities until the first append, which reads them from the log. */
  describe(): LogDescription {
    const { kind, shards, incarnation, trimmed, continues } = this.#record
    const { maxIds, maxAgeMs } = this.#identities
    const ids = this.#identities.size(this.#environment.clock.now())
    const deduplication = { ids, maxIds, maxAgeMs }
    return { kind, shards, incarnation, head: this.#head, trimmed, deduplication, ...(continues && { continues }) }
  }

  /** Decides about the events as part of a group; the answers hold once the group is durable. */
  append(requests: readonly AppendRequest[], group: Group): AppendAnswer[] {
    this.#loadIdentities()
    const batch = this.#batchOf(group)
    const refused = new Refused()
    return requests.map((request) => this.#appendOne(request, batch, refused))
  }

  producer(id: string): ProducerState | undefined {
    return this.#producers.get(id) ?? this.reader.producer(id)
  }

  /** Notes in a group that everything at or below an offset is trimmed, and where what was kept begins. */
  putTrimmed({ through, keptFrom }: { through: number; keptFrom: number | undefined }, group: Group): void {
    const { keptFrom: _, ...before } = this.#record
    const record = {
      ...before,
      trimmed: through,
      head: this.#head,
      ...(keptFrom !== undefined && { keptFrom }),
    }
    putTopicRecord(this.name, record, group)
    group.join({ seal() {}, rolledBack() {}, committed: () => void (this.#record = record) })
  }

  /** The newest durable event behind which at least so many bytes of newer ones stand. */
  offsetBehind(bytes: number): number {
    const { trimmed } = this.#record
    return this.reader.offsetOfBytes(this.#bytes - bytes, { after: trimmed, head: this.#head })
  }

  /** Whether an offset is, or may be, within the deduplication window: its identity must stay. */
  inWindow(offset: number, appendedAt: number): boolean {
    const { maxIds, maxAgeMs } = this.#identities
    return offset > this.#given - maxIds && appendedAt >= this.#environment.clock.now() - maxAgeMs
  }

  /** The newest event of a key, durable or not. */
  newest(key: string): Newest | undefined {
    for (let index = this.#batches.length - 1; index >= 0; index--) {
      const newest = this.#batches[index]!.newest.get(key)
      if (newest) return newest
    }
    return this.#newest.get(key)
  }

  /** The same, of what is durable. */
  durableNewest(key: string): Newest | undefined {
    return this.#record.kind === 'entity' ? this.#newest.get(key) : undefined
  }

  /** Whether the index of newest events is behind on disk. */
  get hasUnwrittenNewest(): boolean {
    return this.#record.kind === 'entity' && this.#newest.isBehind
  }

  /** Writes everything that the index of newest events holds in memory. */
  putNewest(group: Group): void {
    if (this.#record.kind === 'entity') this.#newest.write(group, this.#head, true)
  }

  /** Up to `limit` keys with their newest durable events, behind one key; complete once `putNewest` is durable. */
  newestAfter(key: Uint8Array | undefined, limit: number): { key: Uint8Array; newest: Newest }[] {
    return this.#record.kind === 'entity' ? [...this.#newest.after(key, limit)] : []
  }

  #appendOne(request: AppendRequest, batch: TopicBatch, refused: Refused): AppendAnswer {
    const { event, producer, shard } = request
    const { kind } = this.#record
    const offset = this.#given + 1
    const admission = admit(kind, request, offset, this.#state, refused)
    if (admission.store) {
      const { stale } = admission
      const identity = this.#identityOf(event)
      batch.add({ offset, shard, flags: stale ? recordFlags.stale : 0, identity, event })
      this.#given = offset
      this.#givenBytes = batch.bytesThrough
      this.#identities.add(identity, offset, batch.appendedAt)
      if (kind === 'entity' && event.key !== undefined && !stale) {
        const before = this.#record.trimmed > 0 ? this.newest(event.key)?.offset : undefined
        if (before !== undefined && before <= this.#record.trimmed) batch.replaced.push(before)
        batch.newest.set(event.key, { offset, version: versionOf(event, offset) })
      }
    }
    if (producer && admission.producer) batch.producers.set(producer.id, admission.producer)
    return admission.store ? { status: 'stored', offset, stale: admission.stale } : admission.answer
  }

  #batchOf(group: Group): TopicBatch {
    const current = this.#batches.at(-1)
    if (current?.group === group) return current
    const mark = this.#identities.mark()
    const given = this.#given
    const givenBytes = this.#givenBytes
    const batch: TopicBatch = new TopicBatch({
      group,
      topicNumber: this.#record.number,
      first: given + 1,
      bytesBefore: givenBytes,
      appendedAt: this.#environment.clock.now(),
      onSealed: (sealed) => {
        if (this.#record.kind === 'entity') this.#newest.write(sealed, this.#head)
      },
      onCommitted: () => {
        this.#batches.shift()
        const grown = batch.last > this.#head
        this.#head = batch.last
        this.#bytes = batch.bytesThrough
        for (const [id, state] of batch.producers) this.#producers.set(id, state)
        if (batch.newest.size > 0) this.#newest.add(batch.newest)
        for (const offset of batch.replaced) this.progress.replaced.add(offset)
        if (grown) this.#onGrown()
      },
      onRolledBack: () => {
        this.#batches.pop()
        this.#given = given
        this.#givenBytes = givenBytes
        this.#identities.rewind(mark)
      },
    })
    this.#batches.push(batch)
    group.join(batch)
    return batch
  }

  /** What the admission of an event must know, with everything that is not durable yet. */
  #admissionState(): AdmissionState {
    return {
      firstOffset: (event) =>
        this.#identities.first(this.#identityOf(event), this.#batches.at(-1)!.appendedAt, (offset) => {
          const stored = this.#eventAt(offset)?.event
          return stored && stored.source === event.source && stored.id === event.id
        }),
      sameContent: (offset, event) => {
        const stored = this.#eventAt(offset)
        return stored && !stored.erased ? sameContent(stored.event, event) : undefined
      },
      producer: (id) => this.#pendingProducer(id) ?? this.producer(id),
      newestVersion: (key) => this.newest(key)?.version,
    }
  }

  /** Asked for twice for each event: once to look it up and once to store it. */
  #identityOf(event: Event): IdentityHash {
    if (this.#hashed?.event !== event) {
      this.#hashed = { event, identity: identityHash(event.source, event.id, this.#record.seed) }
    }
    return this.#hashed.identity
  }

  #pendingProducer(id: string): ProducerState | undefined {
    for (let index = this.#batches.length - 1; index >= 0; index--) {
      const state = this.#batches[index]!.producers.get(id)
      if (state) return state
    }
    return undefined
  }

  /** The event at an offset, durable or not; `undefined` where it is trimmed or damaged. */
  #eventAt(offset: number): { event: Event; erased: boolean } | undefined {
    for (const batch of this.#batches) {
      const bytes = batch.eventAt(offset)
      if (bytes) return { event: decodeEvent(bytes), erased: false }
    }
    return this.reader.recordAt(offset)
  }

  #loadIdentities(): void {
    if (this.#identitiesLoaded) return
    const { maxIds, maxAgeMs } = this.#identities
    const oldest = { offset: this.#head - maxIds, appendedAt: this.#environment.clock.now() - maxAgeMs }
    for (const { identity, offset, appendedAt } of this.reader.identitiesSince(oldest)) {
      this.#identities.add(identity, offset, appendedAt)
    }
    this.#identitiesLoaded = true
  }
}

export function putTopicRecord(name: string, record: TopicRecord, group: Group): void {
  group.put(seal(topicKey(name), JSON.stringify(record)))
}

/** Unique in this store by its number and everywhere by its random part. */
export function incarnationOf(number: number, environment: Environment): string {
  const random = environment.ids
    .next()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
  return (number.toString(36).padStart(4, '0') + random).slice(0, 16)
}
