import type { LogRecord } from '../../engine/index.ts'
import { decodeEvent } from '../../event/index.ts'
import { seal, unseal } from './sealed.ts'

/** Where a record belongs and what is said of it: everything of it that stands in columns of its own. */
export type RecordPlace = Omit<LogRecord, 'event'> & { readonly topicNumber: number }

export function sealRecord(place: RecordPlace, event: Uint8Array): Buffer {
  return seal(bytesOfPlace(place), event)
}

/** The record that is stored in these bytes; `undefined` where they, or what the columns say, are damaged. */
function unsealRecord(place: RecordPlace, bytes: Uint8Array): LogRecord | undefined {
  const event = unseal(bytesOfPlace(place), bytes)
  if (!event) return undefined
  const { topicNumber: _, ...record } = place
  return { ...record, event: decodeEvent(event) }
}

function bytesOfPlace({ topicNumber, offset, appendedAt, shard, stale, erased }: RecordPlace): Uint8Array {
  const bytes = Buffer.allocUnsafe(30)
  bytes.writeDoubleBE(topicNumber, 0)
  bytes.writeDoubleBE(offset, 8)
  bytes.writeDoubleBE(appendedAt, 16)
  bytes.writeUInt32BE(shard, 24)
  bytes[28] = stale ? 1 : 0
  bytes[29] = erased ? 1 : 0
  return bytes
}

/** A row of the table of events, or of a query that names the same columns. */
export interface RecordRow {
  readonly offset: number
  readonly appended_at: number
  readonly shard: number
  readonly stale: boolean
  readonly erased: boolean
  readonly record: Uint8Array
}

export function recordOfRow(topicNumber: number, row: RecordRow): LogRecord | undefined {
  const { offset, appended_at: appendedAt, shard, stale, erased, record } = row
  return unsealRecord({ topicNumber, offset, appendedAt, shard, stale, erased }, record)
}
