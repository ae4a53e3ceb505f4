import type { PositionedEvent } from '../broker/port/events.ts'
import { schemaVersionOf } from '../contract/index.ts'
import type { OwnerStanding } from '../outbox/index.ts'
import { changeAsWritten, changeOf, type Change, type ReadEntity } from '../replica/change.ts'
import { canonicalValues } from '../verify/canonical.ts'
import type { InspectedCopy } from './copy.ts'
import type { Values } from './hops.ts'

/** The values of a state, and the version of the schema that they are in. */
export interface ReadState {
  readonly values?: Values
  readonly schema?: number
}

type Positioned = Pick<PositionedEvent, 'position' | 'event'>

/**
 * Reads states as the copy sees them: upcast to the version of its contract. What that cannot read, and everything where
 * nobody says which contract it is, is read as it is written, so that it is at least compared with what is in the same
 * version of the schema.
 */
export class StateReader {
  readonly #copy: Pick<InspectedCopy, 'topic' | 'key' | 'columns'>
  readonly #entity: ReadEntity | undefined

  constructor(copy: Pick<InspectedCopy, 'topic' | 'key' | 'columns'>, entity: ReadEntity | undefined) {
    this.#copy = copy
    this.#entity = entity
  }

  /** A payload that no copy takes, or that is gone, is no state; its version counts all the same. */
  event(positioned: Positioned): ReadState & Pick<Change, 'version'> & { readonly isDeleted: boolean } {
    try {
      const { version, data, schema } = this.#change(positioned)
      return { version, isDeleted: data === undefined, ...(data && this.#state(data, schema)) }
    } catch {
      const { event } = positioned
      const withoutPayload = { ...positioned, event: { ...event, type: `${event.type}.deleted` } }
      const { version } = changeAsWritten(withoutPayload, this.#copy.key)
      return { version: version.replace('~', ''), isDeleted: false }
    }
  }

  /** What the owner has, as it would be read if it were published. */
  owner({ key, state, dataschema }: Pick<OwnerStanding, 'key' | 'state' | 'dataschema'>): ReadState {
    if (state === undefined) return {}
    const type = `${this.#copy.topic}.updated`
    const data = new TextEncoder().encode(state)
    const event = { id: '', source: '', type, key, data, ...(dataschema !== undefined && { dataschema }) }
    const change = this.#change({ position: 'owner.0', event })
    return this.#state(change.data!, change.schema)
  }

  #change(positioned: Positioned): Change & { readonly schema?: number | undefined } {
    const { type, dataschema } = positioned.event
    if (this.#entity) {
      try {
        return { ...changeOf(positioned, this.#entity), schema: this.#entity.version }
      } catch {
        // It is no use to the copy; what the owner and the topic have can be compared all the same.
      }
    }
    return { ...changeAsWritten(positioned, this.#copy.key), schema: schemaVersionOf(type, dataschema) }
  }

  #state(data: Readonly<Record<string, unknown>>, schema: number | undefined): ReadState {
    return { values: canonicalValues(data, this.#copy.columns), ...(schema !== undefined && { schema }) }
  }
}
