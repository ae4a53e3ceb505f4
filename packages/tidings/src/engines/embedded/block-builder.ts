import { crc32 } from 'node:zlib'
import type { IdentityHash } from '../../engine/index.ts'
import { appendEvent, type ByteTarget, type Event } from '../../event/index.ts'
import { blockFormat, blockHeaderBytes, recordFormat, recordHeaderBytes } from './block.ts'

/** Builds one block: see `Block` for its form. Encodes straight into the bytes that are stored. */
export class BlockBuilder implements ByteTarget {
  readonly topicNumber: number
  readonly first: number
  readonly appendedAt: number
  bytesThrough: number
  bytes: Buffer
  length = blockHeaderBytes
  /** Whether a record was added that was not copied. */
  rewritten = false
  readonly #offsets: number[] = []
  readonly #places: number[] = []

  constructor(
    {
      topicNumber,
      first,
      appendedAt,
      bytesThrough,
    }: { topicNumber: number; first: number; appendedAt: number; bytesThrough: number },
    sizeHint = 16_384,
  ) {
    this.topicNumber = topicNumber
    this.first = first
    this.appendedAt = appendedAt
    this.bytesThrough = bytesThrough
    this.bytes = Buffer.allocUnsafeSlow(sizeHint)
  }

  get count(): number {
    return this.#offsets.length
  }

  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + count))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  /** Offsets must grow. A record without event keeps its identity only. */
  add(record: {
    offset: number
    shard: number
    flags: number
    identity: IdentityHash
    event: Event | undefined
  }): void {
    this.reserve(recordHeaderBytes)
    this.rewritten = true
    const place = this.length
    this.length += recordHeaderBytes
    try {
      if (record.event) appendEvent(record.event, this)
    } catch (error) {
      // What cannot be encoded leaves nothing behind.
      this.length = place
      throw error
    }
    const bytes = this.bytes
    bytes[place + 4] = recordFormat
    bytes[place + 5] = record.flags
    bytes[place + 6] = record.shard
    bytes[place + 7] = record.shard >>> 8
    bytes.writeInt32LE(record.identity.low, place + 8)
    bytes.writeInt32LE(record.identity.high, place + 12)
    bytes.writeUInt32LE(crc32(bytes.subarray(place + 4, this.length), record.offset >>> 0), place)
    this.#offsets.push(record.offset)
    this.#places.push(place)
  }

  /** Takes a record over as it is stored, its checksum included. */
  copy(offset: number, raw: Uint8Array): void {
    this.reserve(raw.length)
    this.bytes.set(raw, this.length)
    this.#offsets.push(offset)
    this.#places.push(this.length)
    this.length += raw.length
  }

  /** The encoded event of the record at an offset; `undefined` where there is none. */
  eventAt(offset: number): Uint8Array | undefined {
    const index = offset - this.first
    if (this.#offsets[index] !== offset) return undefined
    const end = this.#places[index + 1] ?? this.length
    return this.bytes.subarray(this.#places[index]! + recordHeaderBytes, end)
  }

  /** The finished block; nothing may be added any more. */
  seal(last: number): Uint8Array {
    const directory = this.length
    this.reserve(this.count * 8)
    const bytes = this.bytes
    for (let index = 0, place = directory; index < this.count; index++, place += 8) {
      bytes.writeUInt32LE(this.#offsets[index]! - this.first, place)
      bytes.writeUInt32LE(this.#places[index]!, place + 4)
    }
    const length = directory + this.count * 8
    bytes.fill(0, 0, 4)
    bytes[0] = blockFormat
    bytes.writeUInt32LE(this.topicNumber, 4)
    bytes.writeDoubleLE(this.first, 8)
    bytes.writeDoubleLE(last, 16)
    bytes.writeDoubleLE(this.appendedAt, 24)
    bytes.writeDoubleLE(this.bytesThrough, 32)
    bytes.writeUInt32LE(this.count, 40)
    bytes.writeUInt32LE(directory, 44)
    const header = crc32(bytes.subarray(0, blockHeaderBytes - 4))
    bytes.writeUInt32LE(crc32(bytes.subarray(directory, length), header), 48)
    return bytes.subarray(0, length)
  }
}
