import type { Entity } from '../contract/index.ts'
import type { Event } from '../event/index.ts'
import { listedSequence, missingSequence, sequenceOf, type Lsn } from './lsn.ts'
import type { Tuple } from './pgoutput.ts'
import type { RowForm } from './row-form.ts'
import type { Change } from './transaction.ts'

/** What all events of one life of a capture share. */
export interface Life {
  readonly entity: Entity
  readonly sourceepoch: number
}

/**
 * The identity of an event is its life, version and key: what is read from the log once more after a crash is recognised
 * by the broker, and by those who have handled it.
 */
function eventOf(
  { entity, sourceepoch }: Life,
  change: 'created' | 'updated' | 'deleted',
  { key, sequence, data, time }: { key: string; sequence: string; data: Uint8Array; time: number | undefined },
): Event {
  return {
    id: `${sourceepoch}.${sequence}.${key}`,
    source: entity.service,
    type: entity[change].type,
    key,
    sourceepoch,
    sequence,
    ...(time !== undefined && { time: new Date(time).toISOString() }),
    datacontenttype: 'application/json',
    dataschema: entity[change].dataschema,
    data,
  }
}

/** What a transaction did to a key. */
export function changeEvent(life: Life, change: Change, commit: Lsn, time: number): Event {
  const { key, existed, row, form, part } = change
  const sequence = sequenceOf(commit, part)
  if (!row) return eventOf(life, 'deleted', { key, sequence, data: form.gone(key), time })
  return eventOf(life, existed ? 'updated' : 'created', { key, sequence, data: form.state(row, key), time })
}

/** A key that went when the table was emptied. */
export function truncatedEvent(
  life: Life,
  { key, form, commit, part, time }: { key: string; form: RowForm; commit: Lsn; part: number; time: number },
): Event {
  return eventOf(life, 'deleted', { key, sequence: sequenceOf(commit, part), data: form.gone(key), time })
}

/** A row that a listing has met. */
export function listedEvent(
  life: Life,
  { row, form, base, first }: { row: Tuple; form: RowForm; base: Lsn; first: boolean },
): Event {
  const key = form.key(row)!
  const data = form.state(row, key)
  return eventOf(life, first ? 'created' : 'updated', { key, sequence: listedSequence(base), data, time: undefined })
}

/** A key that only the broker has after the listing. */
export function missingEvent(life: Life, { key, form, base }: { key: string; form: RowForm; base: Lsn }): Event {
  return eventOf(life, 'deleted', { key, sequence: missingSequence(base), data: form.gone(key), time: undefined })
}
