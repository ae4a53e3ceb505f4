import { encodeEvent, versionOf, type EntityVersion, type Event } from '../event/index.ts'
import { admit, Refused, sameContent, type AdmissionState } from './admission.ts'
import type { AppendAnswer, AppendRequest, ProducerState, TopicKind } from './port.ts'

/**
 * For engines that keep what admission must know in a store which others write to as well: everything that a batch of
 * events can ask about is known from the batch alone, so it is loaded at once, and the decisions are made over that.
 *
 * Whoever loads it must hold the topic's lock already, and ask in a statement of its own: a statement that takes the
 * lock sees the store as it was before it waited, and misses what the server before it has just committed. Or it writes
 * on condition that nobody else has written since.
 */
export interface Loaded {
  /** The newest offset, and the time of its append. */
  readonly head: number
  readonly identities: ReadonlyMap<string, KnownIdentity>
  readonly producers: ReadonlyMap<string, ProducerState>
  readonly newest: ReadonlyMap<string, KnownNewest>
}

export interface KnownIdentity {
  readonly offset: number
  readonly appendedAt: number
  /** Absent where it is trimmed, erased or damaged. */
  readonly event?: Event
}

export interface KnownNewest {
  readonly offset: number
  readonly version: EntityVersion
}

/** What a batch can ask about, each once. */
export interface Questions {
  /** By `identityName`. */
  readonly identities: readonly string[]
  readonly producers: readonly string[]
  /** Only of an entity topic is there anything to know of them. */
  readonly keys: readonly string[]
}

export function questionsOf(requests: readonly AppendRequest[]): Questions {
  const keys = requests.flatMap(({ event }) => event.key ?? [])
  return {
    identities: [...new Set(requests.map(({ event }) => identityName(event)))],
    producers: [...new Set(requests.flatMap(({ producer }) => producer?.id ?? []))],
    keys: [...new Set(keys)],
  }
}

/** A string that stands for an identity and for no other. */
export function identityName({ source, id }: Pick<Event, 'source' | 'id'>): string {
  return JSON.stringify([source, id])
}

/** An event that a batch stores. */
export interface BatchEvent {
  readonly offset: number
  readonly shard: number
  readonly stale: boolean
  readonly event: Event
  /** Its bytes, which share nothing with the event. */
  readonly bytes: Uint8Array
}

export interface BatchOptions {
  readonly kind: TopicKind
  readonly loaded: Loaded
  readonly appendedAt: number
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
}

/** The decisions about calls that share one write, each of which sees the effects of those before it. */
export class Batch {
  readonly stored: BatchEvent[] = []
  /** What changes of the identities, of the producers, and of the newest events of keys. */
  readonly identities = new Map<string, KnownIdentity>()
  readonly producers = new Map<string, ProducerState>()
  readonly newest = new Map<string, KnownNewest>()
  /** The offsets of those that were the newest of their keys before this batch. */
  readonly replaced: number[] = []
  readonly #options: BatchOptions
  readonly #state: AdmissionState

  constructor(options: BatchOptions) {
    this.#options = options
    this.#state = this.#admissionState()
  }

  get head(): number {
    return this.#options.loaded.head + this.stored.length
  }

  /** Decides about the events of one call; `encoded` has the bytes of each. */
  append(requests: readonly AppendRequest[], encoded: readonly Uint8Array[]): AppendAnswer[] {
    const refused = new Refused()
    return requests.map((request, index): AppendAnswer => {
      const { event, producer, shard } = request
      const offset = this.head + 1
      const admission = admit(this.#options.kind, request, offset, this.#state, refused)
      if (producer && admission.producer) this.producers.set(producer.id, admission.producer)
      if (!admission.store) return admission.answer
      this.#store({ offset, shard, stale: admission.stale, event, bytes: encoded[index]! })
      return { status: 'stored', offset, stale: admission.stale }
    })
  }

  #store(stored: BatchEvent): void {
    const { offset, stale, event } = stored
    const { kind, loaded, appendedAt } = this.#options
    this.stored.push(stored)
    this.identities.set(identityName(event), { offset, appendedAt, event })
    if (kind !== 'entity' || event.key === undefined || stale) return
    const before = loaded.newest.get(event.key)
    if (before && !this.newest.has(event.key)) this.replaced.push(before.offset)
    this.newest.set(event.key, { offset, version: versionOf(event, offset) })
  }

  #admissionState(): AdmissionState {
    const { loaded } = this.#options
    const known = (name: string): KnownIdentity | undefined => this.identities.get(name) ?? loaded.identities.get(name)
    return {
      firstOffset: (event) => this.#withinWindow(known(identityName(event)))?.offset,
      sameContent: (_, event) => {
        const stored = known(identityName(event))?.event
        return stored && sameContent(stored, event)
      },
      producer: (id) => this.producers.get(id) ?? loaded.producers.get(id),
      newestVersion: (key) => (this.newest.get(key) ?? loaded.newest.get(key))?.version,
    }
  }

  /** Each stored event takes one offset and has one identity, so that so many identities are so many offsets. */
  #withinWindow(identity: KnownIdentity | undefined): KnownIdentity | undefined {
    if (!identity) return undefined
    const { appendedAt, deduplication } = this.#options
    const isCounted = identity.offset > this.head - deduplication.maxIds
    return isCounted && identity.appendedAt >= appendedAt - deduplication.maxAgeMs ? identity : undefined
  }
}

/** The bytes of each event; throws on what is no event, before anything has changed. */
export function encodeAll(requests: readonly AppendRequest[]): readonly Uint8Array[] {
  return requests.map(({ event }) => encodeEvent(event))
}
