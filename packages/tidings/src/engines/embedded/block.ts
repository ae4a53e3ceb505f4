import { crc32 } from 'node:zlib'
import type { IdentityHash, LogRecord } from '../../engine/index.ts'
import { decodeEvent } from '../../event/index.ts'

/**
 * The records of one topic that one group commit stored, as one value: header, records, directory. Numbers are
 * little-endian.
 *
 *     header     [u8 format][3 unused][u32 topic number][f64 first offset][f64 last offset][f64 time of the append]
 *                [f64 bytes of all events ever appended to the topic, up to the last of this block]
 *                [u32 records][u32 place of the directory][u32 checksum of header and directory]
 *     record     [u32 checksum][u8 format][u8 flags][u16 shard][i32 i32 hash of the identity][event]
 *     directory  for each record [u32 offset − first][u32 place]
 *
 * Format 1 has no bytes in its header: what it holds counts for none.
 *
 * The checksum of a record begins with its offset, so that a record at another place is a damaged one. First and last
 * say what the block covers; a trim takes records out of it without changing that.
 */
export const blockHeaderBytes = 52
export const recordHeaderBytes = 16
export const blockFormat = 2
/** Where a header of format 1 ended. */
const firstHeaderBytes = 44
export const recordFormat = 1

export const recordFlags = {
  stale: 1,
  erased: 2,
  /** Only the hash of the identity is left, for the deduplication window. */
  trimmed: 4,
} as const

export interface StoredRecord {
  readonly offset: number
  readonly shard: number
  readonly flags: number
  readonly identity: IdentityHash
  /** The encoded event; empty where the record was trimmed. */
  readonly event: Uint8Array
}

/** A view on a stored block. Records are checked one by one, when they are asked for. */
export class Block {
  readonly first: number
  readonly last: number
  readonly appendedAt: number
  /** The bytes of all events that were ever appended to the topic up to `last`. */
  readonly bytesThrough: number
  readonly count: number
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #directory: number

  /** The block in these bytes; `undefined` when its header or directory is damaged, or they belong to another topic. */
  static open(bytes: Uint8Array, topicNumber: number, last: number): Block | undefined {
    const isKnown = bytes[0] === blockFormat || bytes[0] === 1
    if (!isKnown || bytes.length < headerBytesOf(bytes)) return undefined
    const block = new Block(bytes)
    if (block.#directory + block.count * 8 !== bytes.length) return undefined
    if (block.#view.getUint32(headerBytesOf(bytes) - 4, true) !== block.#checksum()) return undefined
    return block.#view.getUint32(4, true) === topicNumber && block.last === last ? block : undefined
  }

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.first = this.#view.getFloat64(8, true)
    this.last = this.#view.getFloat64(16, true)
    this.appendedAt = this.#view.getFloat64(24, true)
    const end = headerBytesOf(bytes)
    this.bytesThrough = end === blockHeaderBytes ? this.#view.getFloat64(32, true) : 0
    this.count = this.#view.getUint32(end - 12, true)
    this.#directory = this.#view.getUint32(end - 8, true)
  }

  offsetAt(index: number): number {
    return this.first + this.#view.getUint32(this.#directory + index * 8, true)
  }

  /** The index of the first record above this offset; `count` where there is none. */
  indexAfter(offset: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.offsetAt(middle) > offset) high = middle
      else low = middle + 1
    }
    return low
  }

  /** The last record behind which at least `bytes` of this block stand; `undefined` where there is none. */
  offsetBehind(bytes: number): number | undefined {
    let behind = 0
    for (let index = this.count - 1; index >= 0; index--) {
      if (behind >= bytes) return this.offsetAt(index)
      behind += (this.rawAt(index)?.length ?? recordHeaderBytes) - recordHeaderBytes
    }
    return undefined
  }

  shardAt(index: number): number {
    return this.#view.getUint16(this.#placeAt(index) + 6, true)
  }

  /** `undefined` when the record is damaged. */
  recordAt(index: number): StoredRecord | undefined {
    const bytes = this.rawAt(index)
    if (bytes === undefined) return undefined
    const offset = this.offsetAt(index)
    const place = this.#placeAt(index)
    if (this.#view.getUint32(place, true) !== crc32(bytes.subarray(4), offset >>> 0)) return undefined
    if (bytes[4] !== recordFormat) return undefined
    return {
      offset,
      shard: this.#view.getUint16(place + 6, true),
      flags: bytes[5]!,
      identity: { low: this.#view.getInt32(place + 8, true), high: this.#view.getInt32(place + 12, true) },
      event: bytes.subarray(recordHeaderBytes),
    }
  }

  /** The bytes of a record, checksum included, unchecked; `undefined` when its place makes no sense. */
  rawAt(index: number): Uint8Array | undefined {
    const place = this.#placeAt(index)
    const end = index + 1 < this.count ? this.#placeAt(index + 1) : this.#directory
    return end - place < recordHeaderBytes ? undefined : this.#bytes.subarray(place, end)
  }

  #placeAt(index: number): number {
    return this.#view.getUint32(this.#directory + index * 8 + 4, true)
  }

  #checksum(): number {
    return crc32(this.#bytes.subarray(this.#directory), crc32(this.#bytes.subarray(0, headerBytesOf(this.#bytes) - 4)))
  }
}

export function logRecordOf({ offset, shard, flags, event }: StoredRecord, appendedAt: number): LogRecord {
  const stale = (flags & recordFlags.stale) !== 0
  const erased = (flags & recordFlags.erased) !== 0
  return { offset, appendedAt, shard, stale, erased, event: decodeEvent(event) }
}

function headerBytesOf(bytes: Uint8Array): number {
  return bytes[0] === 1 ? firstHeaderBytes : blockHeaderBytes
}
