import type { IdentityHash, ProducerState } from '../../engine/index.ts'
import type { Event } from '../../event/index.ts'
import { recordHeaderBytes } from './block.ts'
import { BlockBuilder } from './block-builder.ts'
import { blockKey } from './keys.ts'
import type { Newest } from './newest-index.ts'
import { sealNamed } from './sealed.ts'
import type { Group, Participant } from './writer.ts'

/** A block is closed when it has grown to this: whoever wants one record must read its whole block. */
export const blockBytes = 65_536

export interface TopicBatchOptions {
  readonly group: Group
  readonly topicNumber: number
  readonly first: number
  readonly appendedAt: number
  /** Of all events before. */
  readonly bytesBefore: number
  readonly onSealed: (group: Group) => void
  readonly onCommitted: () => void
  readonly onRolledBack: () => void
}

/** What one group stores of one topic. */
export class TopicBatch implements Participant {
  readonly group: Group
  readonly appendedAt: number
  readonly newest = new Map<string, Newest>()
  readonly producers = new Map<string, ProducerState>()
  /** Offsets below the last trim whose events are not the newest of their key any more. */
  readonly replaced: number[] = []
  last: number
  /** The bytes of all events that were ever appended to the topic up to `last`. */
  bytesThrough: number
  readonly #options: TopicBatchOptions
  readonly #blocks: BlockBuilder[] = []

  constructor(options: TopicBatchOptions) {
    this.#options = options
    this.group = options.group
    this.appendedAt = options.appendedAt
    this.last = options.first - 1
    this.bytesThrough = options.bytesBefore
  }

  add(record: { offset: number; shard: number; flags: number; identity: IdentityHash; event: Event }): void {
    let block = this.#blocks.at(-1)
    if (!block || block.length >= blockBytes) {
      block = this.#block(record.offset, block ? blockBytes + 8_192 : undefined)
      this.#blocks.push(block)
    }
    const before = block.length
    block.add(record)
    this.bytesThrough += block.length - before - recordHeaderBytes
    block.bytesThrough = this.bytesThrough
    this.last = record.offset
  }

  /** The encoded event of a record of this batch. */
  eventAt(offset: number): Uint8Array | undefined {
    for (const block of this.#blocks) {
      const event = block.eventAt(offset)
      if (event) return event
    }
    return undefined
  }

  seal(group: Group): void {
    const number = this.#options.topicNumber
    for (const block of this.#blocks) {
      const last = block.first + block.count - 1
      group.put({ key: blockKey(number, last), value: block.seal(last) })
    }
    for (const [name, { epoch, counter }] of this.producers) {
      group.put(sealNamed('producer', number, { name, text: `${epoch} ${counter}` }))
    }
    this.#options.onSealed(group)
  }

  committed(): void {
    this.#options.onCommitted()
  }

  rolledBack(): void {
    this.#options.onRolledBack()
  }

  #block(first: number, sizeHint: number | undefined): BlockBuilder {
    const { topicNumber, appendedAt } = this.#options
    return new BlockBuilder({ topicNumber, first, appendedAt, bytesThrough: this.bytesThrough }, sizeHint)
  }
}
