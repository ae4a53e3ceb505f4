import type { IdentityHash, LogPage, LogRecord, ProducerState } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { Block, logRecordOf, recordFlags, type StoredRecord } from './block.ts'
import { blockKey, lastOfBlockKey, namedKey, nameOfKey, rangeOfNumber } from './keys.ts'
import { unseal } from './sealed.ts'
import type { Store } from './store.ts'

export interface StoredBlock {
  readonly last: number
  /** `undefined` when header or directory is damaged. */
  readonly block: Block | undefined
}

/** Reads what is stored of one topic. */
export class TopicReader {
  readonly number: number
  readonly name: string
  readonly #store: Store

  constructor(store: Store, number: number, name: string) {
    this.#store = store
    this.number = number
    this.name = name
  }

  /** The last offset of the last block; 0 where there is none. */
  lastOffset(): number {
    for (const { key } of this.#reversed(1)) return lastOfBlockKey(key)
    return 0
  }

  /** The bytes of all events up to the last block that can be read; 0 where there is none. */
  lastBytes(): number {
    for (const { key, value } of this.#reversed()) {
      const block = Block.open(value, this.number, lastOfBlockKey(key))
      if (block) return block.bytesThrough
    }
    return 0
  }

  /** The last event above `after`, or that, up to which all events ever appended have at most `bytes`. */
  offsetOfBytes(bytes: number, { after, head }: { after: number; head: number }): number {
    // The end of the last block of which that is true.
    let low = after
    let high = head
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      const block = this.#readableAfter(middle - 1)
      if (block && block.bytesThrough <= bytes) low = block.last
      else high = middle - 1
    }
    const next = this.#readableAfter(low)
    return Math.max(low, next?.offsetBehind(next.bytesThrough - bytes) ?? 0)
  }

  /** The first block that covers offsets above `after` and can be read. */
  #readableAfter(after: number): Block | undefined {
    for (const { block } of this.blocks(after)) if (block) return block
    return undefined
  }

  /** Blocks that cover offsets above `after`, ascending. */
  *blocks(after: number, limit?: number): Iterable<StoredBlock> {
    const range = { from: blockKey(this.number, after + 1), to: rangeOfNumber('block', this.number).to }
    for (const { key, value } of this.#store.entries(range, limit === undefined ? {} : { limit })) {
      const last = lastOfBlockKey(key)
      yield { last, block: Block.open(value, this.number, last) }
    }
  }

  read({
    after,
    limit,
    shard,
    head,
  }: {
    after: number
    limit: number
    shard: number | undefined
    head: number
  }): LogPage {
    const page = new Page(limit, after)
    if (after < head) {
      for (const { last, block } of this.blocks(after)) {
        if (page.full) break
        if (last > head) break
        if (block) page.addBlock(block, after, shard)
        else page.addDamaged(last)
        if (!page.full) page.until = last
      }
      if (!page.full) page.until = head
    }
    return { records: page.records, until: page.until, damaged: page.damaged }
  }

  /** The record at an offset; `undefined` where it is trimmed or damaged. */
  recordAt(offset: number): LogRecord | undefined {
    return recordOf(this.#blockOf(offset), offset)
  }

  /** Up to `limit` entries of the index of newest events, in key order, behind one key. */
  *newestAfter(
    after: Uint8Array | undefined,
    limit: number,
  ): Iterable<{ key: Uint8Array; name: string; value: Uint8Array }> {
    const { from, to } = rangeOfNumber('newest', this.number)
    const begin = after ? Buffer.concat([from, after, Buffer.of(0)]) : from
    for (const { key, value } of this.#store.entries({ from: begin, to }, { limit })) {
      yield { key, name: nameOfKey(key), value }
    }
  }

  /**
   * The records at these offsets, without those at or below `trimmed` that are gone. A damaged one rejects: a listing
   * that silently lacks an entity would be wrong.
   */
  recordsAt(offsets: readonly number[], { trimmed }: { trimmed: number }): LogRecord[] {
    let stored: StoredBlock | undefined
    return offsets
      .toSorted((left, right) => left - right)
      .flatMap((offset) => {
        if (!stored || stored.last < offset) stored = this.#blockOf(offset)
        const record = recordOf(stored, offset)
        if (record) return record
        if (offset <= trimmed && isGone(stored, offset)) return []
        throw new TidingsError(
          'store-corrupt',
          `The newest event of a key of topic ${this.name}, at offset ${offset}, is damaged; publish that entity's state again or restore the store from a backup.`,
          { details: { topic: this.name, offset } },
        )
      })
  }

  producer(id: string): ProducerState | undefined {
    const key = namedKey('producer', this.number, id)
    const value = this.#store.get(key)
    if (!value) return undefined
    const [epoch, counter] = unseal(key, value, () => `Producer ${id} of topic ${this.name}`).split(' ')
    return { epoch: Number(epoch), counter: Number(counter) }
  }

  /** The identities of the records above an offset and not older than a time, ascending; damaged ones are passed over. */
  *identitiesSince(oldest: {
    offset: number
    appendedAt: number
  }): Iterable<{ identity: IdentityHash; offset: number; appendedAt: number }> {
    let after = Math.max(0, oldest.offset)
    for (const { key, value } of this.#reversed()) {
      const last = lastOfBlockKey(key)
      const block = Block.open(value, this.number, last)
      if (last > oldest.offset && (!block || block.appendedAt >= oldest.appendedAt)) continue
      after = Math.max(after, last)
      break
    }
    for (const { block } of this.blocks(after)) {
      if (!block || block.appendedAt < oldest.appendedAt) continue
      for (let index = block.indexAfter(oldest.offset); index < block.count; index++) {
        const record = block.recordAt(index)
        if (record) yield { identity: record.identity, offset: record.offset, appendedAt: block.appendedAt }
      }
    }
  }

  #blockOf(offset: number): StoredBlock | undefined {
    for (const stored of this.blocks(offset - 1, 1)) return stored
    return undefined
  }

  #reversed(limit?: number): Iterable<{ key: Uint8Array; value: Uint8Array }> {
    const range = rangeOfNumber('block', this.number)
    return this.#store.entries(range, { reverse: true, ...(limit !== undefined && { limit }) })
  }
}

/** Whether a trim took a record out of its block, or the block: what is damaged is still there. */
function isGone(stored: StoredBlock | undefined, offset: number): boolean {
  if (!stored) return true
  const { block } = stored
  if (!block) return false
  const index = block.indexAfter(offset - 1)
  if (index === block.count || block.offsetAt(index) !== offset) return true
  const record = block.recordAt(index)
  return record !== undefined && isTrimmed(record)
}

function recordOf(stored: StoredBlock | undefined, offset: number): LogRecord | undefined {
  const block = stored?.block
  if (!block) return undefined
  const index = block.indexAfter(offset - 1)
  if (index === block.count || block.offsetAt(index) !== offset) return undefined
  const record = block.recordAt(index)
  return record && !isTrimmed(record) ? logRecordOf(record, block.appendedAt) : undefined
}

/** A page of the log while it is being filled. */
class Page {
  readonly records: LogRecord[] = []
  readonly damaged: number[] = []
  until: number
  readonly #limit: number
  /** The end of the block before: where a damaged block may begin. */
  #covered: number

  constructor(limit: number, after: number) {
    this.#limit = limit
    this.until = after
    this.#covered = after
  }

  get full(): boolean {
    return this.records.length >= this.#limit
  }

  addBlock(block: Block, after: number, shard: number | undefined): void {
    for (let index = block.indexAfter(after); index < block.count; index++) {
      if (this.full) return
      const offset = block.offsetAt(index)
      const record = block.recordAt(index)
      if (!record) this.damaged.push(offset)
      else if (!isTrimmed(record) && (shard === undefined || record.shard === shard)) {
        this.records.push(logRecordOf(record, block.appendedAt))
      }
      this.until = offset
    }
    this.#covered = block.last
  }

  addDamaged(last: number): void {
    for (let offset = this.#covered + 1; offset <= last; offset++) this.damaged.push(offset)
    this.#covered = last
  }
}

export function isTrimmed(record: StoredRecord): boolean {
  return (record.flags & recordFlags.trimmed) !== 0
}
