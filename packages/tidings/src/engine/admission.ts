import { compareVersions, isTombstone, versionOf, type EntityVersion, type Event } from '../event/index.ts'
import type { AppendAnswer, AppendRefusal, AppendRequest, ProducerStamp, ProducerState, TopicKind } from './port.ts'

/**
 * What an engine must know to decide about one event. Lookups see the effect of earlier events of the same call.
 * Engines implement them over their own structures; the decision itself is the same everywhere.
 */
export interface AdmissionState {
  /** The first offset of an identity within the window. */
  firstOffset(event: Event): number | undefined
  /** Whether the stored event at this offset has an equal type, key and payload; `undefined` when it is gone or erased. */
  sameContent(offset: number, event: Event): boolean | undefined
  producer(id: string): ProducerState | undefined
  newestVersion(key: string): EntityVersion | undefined
}

/** `producer` is what the engine must keep of the event's producer from here on, whether it stores the event or not. */
export type Admission =
  | { readonly store: true; readonly stale: boolean; readonly producer: ProducerState | undefined }
  | { readonly store: false; readonly answer: AppendAnswer; readonly producer: ProducerState | undefined }

/** Keys and producers of which an earlier event of the same call was refused; lives as long as the call. */
export class Refused {
  #keys: Set<string> | undefined
  #producers: Set<string> | undefined

  add({ event, producer }: AppendRequest): void {
    if (event.key !== undefined) (this.#keys ??= new Set()).add(event.key)
    if (producer) (this.#producers ??= new Set()).add(producer.id)
  }

  covers({ event, producer }: AppendRequest): boolean {
    if (event.key !== undefined && this.#keys?.has(event.key)) return true
    return producer !== undefined && this.#producers?.has(producer.id) === true
  }
}

/** Decides about the next event of an append; `offset` is the place that it would get. */
export function admit(
  kind: TopicKind,
  request: AppendRequest,
  offset: number,
  state: AdmissionState,
  refused: Refused,
): Admission {
  const { event, producer } = request
  const refuse = (code: AppendRefusal, message: string): Admission => {
    refused.add(request)
    return { store: false, answer: { status: 'refused', code, message }, producer: undefined }
  }
  if (refused.covers(request)) {
    return refuse(
      'behind-refused',
      `An earlier event of the same key or producer in the same call was refused; publish this one again after it.`,
    )
  }
  const known = producer && state.producer(producer.id)
  if (producer && known) {
    if (producer.epoch < known.epoch) {
      return refuse(
        'producer-fenced',
        `Producer ${producer.id} with epoch ${producer.epoch} was replaced by epoch ${known.epoch}; stop publishing.`,
      )
    }
    if (producer.counter <= known.counter) return duplicate(state.firstOffset(event), raised(producer, known))
  }
  const first = state.firstOffset(event)
  if (first !== undefined) {
    if (state.sameContent(first, event) === false) {
      return refuse(
        'id-conflict',
        `Event "${event.id}" of the source "${event.source}" is already stored with another type, key or payload; give a different event a new id.`,
      )
    }
    return duplicate(first, raised(producer, known))
  }
  return { store: true, stale: isStale(kind, event, offset, state), producer: raised(producer, known) }
}

/** Whether two events of one identity are the same publication: equal type, key and payload. */
export function sameContent(left: Event, right: Event): boolean {
  return left.type === right.type && left.key === right.key && sameBytes(left.data, right.data)
}

/** What is left of an event whose payload was erased: who it was, of whom, and which version, so that copies keep their order. */
export function withoutPayload({ id, source, type, key, sequence, sourceepoch }: Event): Event {
  return {
    id,
    source,
    type,
    ...(key !== undefined && { key }),
    ...(sequence !== undefined && { sequence }),
    ...(sourceepoch !== undefined && { sourceepoch }),
  }
}

function isStale(kind: TopicKind, event: Event, offset: number, state: AdmissionState): boolean {
  if (kind !== 'entity' || event.key === undefined) return false
  const newest = state.newestVersion(event.key)
  if (newest === undefined) return false
  const difference = compareVersions(versionOf(event, offset), newest)
  // An entity whose state was erased is gone in the version of that state.
  return isTombstone(event) ? difference < 0 : difference <= 0
}

/** A duplicate counts as seen: it fences the epochs before it, and its counter is never stored later. */
function raised(producer: ProducerStamp | undefined, known: ProducerState | undefined): ProducerState | undefined {
  if (!producer) return undefined
  if (!known) return { epoch: producer.epoch, counter: producer.counter }
  if (producer.epoch <= known.epoch && producer.counter <= known.counter) return undefined
  return { epoch: Math.max(producer.epoch, known.epoch), counter: Math.max(producer.counter, known.counter) }
}

function duplicate(offset: number | undefined, producer: ProducerState | undefined): Admission {
  return {
    store: false,
    answer: offset === undefined ? { status: 'duplicate' } : { status: 'duplicate', offset },
    producer,
  }
}

function sameBytes(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined) return left === right
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false
  return true
}
