import { compareVersions, versionOf, type EntityVersion, type Event } from '../event/index.ts'
import type { AppendAnswer, AppendRequest, ProducerState, TopicKind } from './port.ts'

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

export type Admission =
  | { readonly store: true; readonly stale: boolean }
  | { readonly store: false; readonly answer: AppendAnswer }

/** Keys and producers of which an earlier event of the same call was refused; lives as long as the call. */
export class Refused {
  readonly #keys = new Set<string>()
  readonly #producers = new Set<string>()

  add({ event, producer }: AppendRequest): void {
    if (event.key !== undefined) this.#keys.add(event.key)
    if (producer) this.#producers.add(producer.id)
  }

  covers({ event, producer }: AppendRequest): boolean {
    return (event.key !== undefined && this.#keys.has(event.key)) || (producer !== undefined && this.#producers.has(producer.id))
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
  const refuse = (code: 'id-conflict' | 'producer-fenced' | 'behind-refused', message: string): Admission => {
    refused.add(request)
    return { store: false, answer: { status: 'refused', code, message } }
  }
  if (refused.covers(request)) {
    return refuse('behind-refused', `An earlier event of the same key or producer in the same call was refused; publish this one again after it.`)
  }
  if (producer) {
    const known = state.producer(producer.id)
    if (known && producer.epoch < known.epoch) {
      return refuse(
        'producer-fenced',
        `Producer ${producer.id} with epoch ${producer.epoch} was replaced by epoch ${known.epoch}; stop publishing.`,
      )
    }
    if (known && producer.counter <= known.counter) return { store: false, answer: duplicate(state.firstOffset(event)) }
  }
  const first = state.firstOffset(event)
  if (first !== undefined) {
    if (state.sameContent(first, event) === false) {
      return refuse(
        'id-conflict',
        `Event ${event.source} ${event.id} is already stored with another type, key or payload; give a different event a new id.`,
      )
    }
    return { store: false, answer: duplicate(first) }
  }
  if (kind !== 'entity' || event.key === undefined) return { store: true, stale: false }
  const newest = state.newestVersion(event.key)
  return { store: true, stale: newest !== undefined && compareVersions(versionOf(event, offset), newest) <= 0 }
}

function duplicate(offset: number | undefined): AppendAnswer {
  return offset === undefined ? { status: 'duplicate' } : { status: 'duplicate', offset }
}
