import { formatStructured, parseStructured, type Event } from '../event/index.ts'
import type { LogRecord } from '../engine/index.ts'
import type { StoredEdit } from '../delivery/index.ts'
import type { Replacement } from './port/dead-letters.ts'

/** What an operator put in the place of a dead letter: the same event, as far as identity, type, key and order go. */
export interface EditedRecord extends LogRecord {
  readonly replaced: Replacement
}

const encoder = new TextEncoder()

export function makeEdit(event: Event, { edit, by, at }: Replacement): StoredEdit {
  return { edit, by, at, event: formatStructured(event, { base64: true }) }
}

export function editedRecord(record: LogRecord, { edit, by, at, event }: StoredEdit): EditedRecord {
  return { ...record, event: parseStructured(encoder.encode(event)), replaced: { edit, by, at } }
}
