import { crc32 } from 'node:zlib'
import type { PublishedEvent } from '../broker/port/events.ts'
import type { SpooledBatch } from '../client/index.ts'
import { TidingsError } from '../errors.ts'
import { decodeFrame, encodeFrame } from '../protocol/index.ts'

/**
 * What stands in the files of a spool, one after another: `TSP`, a byte with the version of the format, the length and
 * the checksum of what follows (32 bits each, big-endian), and a frame of the protocol with its events. Each is written
 * and synced before the next one begins, so that a process that dies leaves at most the last one in half.
 */
export type Entry =
  | { readonly kind: 'batch'; readonly number: number; readonly batch: SpooledBatch }
  | { readonly kind: 'removed'; readonly numbers: readonly number[] }

const magic = Buffer.from('TSP')
const formatVersion = 1
const headBytes = 12

export function encodeEntry(entry: Entry): Buffer {
  const { batch, ...rest } = { batch: undefined, ...entry }
  const payload = encodeFrame({ ...rest, ...batch })
  const head = Buffer.alloc(headBytes)
  magic.copy(head)
  head[3] = formatVersion
  head.writeUInt32BE(payload.length, 4)
  head.writeUInt32BE(crc32(payload), 8)
  return Buffer.concat([head, payload])
}

/** The entry that begins at `at`, with its length; `undefined` where there is no whole one of this format. */
export function decodeEntry(bytes: Buffer, at: number): { entry: Entry; length: number } | undefined {
  // Before anything else, because another format may be laid out otherwise and must not be taken for a broken one.
  const format = beginsAt(bytes, at) ? bytes[at + magic.length] : undefined
  if (format !== undefined && format !== formatVersion) {
    throw new TidingsError(
      'store-version',
      `The spool has format ${format}, this version reads format ${formatVersion}; use the version of Tidings that wrote it or a newer one.`,
      { details: { format } },
    )
  }
  const payload = payloadAt(bytes, at)
  if (!payload) return undefined
  const { kind, number, numbers, caller, topic, events } = decodeFrame(payload) as unknown as SpooledBatch & {
    kind: Entry['kind']
    number: number
    numbers: readonly number[]
    events: readonly PublishedEvent[]
  }
  const entry: Entry = kind === 'removed' ? { kind, numbers } : { kind, number, batch: { caller, topic, events } }
  return { entry, length: headBytes + payload.length }
}

/** Whether a whole entry stands anywhere behind `at`: then what is broken there is damage, no unfinished write. */
export function hasEntryBehind(bytes: Buffer, at: number): boolean {
  for (let found = bytes.indexOf(magic, at + 1); found !== -1; found = bytes.indexOf(magic, found + 1)) {
    if (payloadAt(bytes, found)) return true
  }
  return false
}

function payloadAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + headBytes > bytes.length || !beginsAt(bytes, at)) return undefined
  const end = at + headBytes + bytes.readUInt32BE(at + 4)
  if (end > bytes.length) return undefined
  const payload = bytes.subarray(at + headBytes, end)
  return crc32(payload) === bytes.readUInt32BE(at + 8) ? payload : undefined
}

function beginsAt(bytes: Buffer, at: number): boolean {
  return bytes.subarray(at, at + magic.length).equals(magic)
}
