import { withoutPayload } from '../../engine/index.ts'
import { decodeEvent } from '../../event/index.ts'
import { recordFlags, type Block, type StoredRecord } from './block.ts'
import { BlockBuilder } from './block-builder.ts'
import { blockKey } from './keys.ts'
import type { Topic } from './topic.ts'
import { isTrimmed, type StoredBlock } from './topic-reader.ts'
import type { Group, Writer } from './writer.ts'

/** So many blocks are rewritten in one transaction: nobody waits long behind it. */
const blocksPerStep = 64

/**
 * Removes what nobody needs at or below an offset, in steps; one that was interrupted is finished by the next trim.
 * Identities within the deduplication window stay as records without an event.
 */
export async function trimTopic(topic: Topic, through: number, writer: Writer): Promise<void> {
  const limit = Math.min(through, topic.head)
  if (limit <= topic.record.trimmed) return
  const group = writer.group()
  topic.putTrimmed(limit, group)
  await group.durable(undefined)
  const isNewest = ({ offset, flags, event }: StoredRecord): boolean => {
    if (topic.record.kind !== 'entity' || (flags & recordFlags.stale) !== 0) return false
    const { key } = decodeEvent(event)
    return key !== undefined && topic.newest(key)?.offset === offset
  }
  await rewriteBlocks({ topic, through: limit, writer }, (block, builder) => {
    for (let index = 0; index < block.count; index++) {
      const offset = block.offsetAt(index)
      if (offset > limit) copyRaw(block, index, builder)
      else {
        const record = block.recordAt(index)
        if (!record) continue
        if (!isTrimmed(record) && isNewest(record)) copyRaw(block, index, builder)
        else if (topic.inWindow(offset, block.appendedAt)) {
          builder.add({ ...record, flags: record.flags | recordFlags.trimmed, event: undefined })
        }
      }
    }
  })
}

/** Replaces every event of a key by what may be left of it. Answers how many it erased. */
export async function eraseKey(topic: Topic, key: string, writer: Writer): Promise<number> {
  // What was appended before this call must be on disk to be found.
  await writer.group().durable(undefined)
  const trace = Buffer.from(JSON.stringify(key))
  let erased = 0
  await rewriteBlocks({ topic, through: topic.head, writer }, (block, builder) => {
    for (let index = 0; index < block.count; index++) {
      const record = block.recordAt(index)
      const event = record && mayHaveKey(record, trace) ? decodeEvent(record.event) : undefined
      if (record && event?.key === key) {
        builder.add({ ...record, flags: record.flags | recordFlags.erased, event: withoutPayload(event) })
        erased += 1
      } else copyRaw(block, index, builder)
    }
  })
  return erased
}

function mayHaveKey({ flags, event }: StoredRecord, trace: Buffer): boolean {
  if ((flags & (recordFlags.erased | recordFlags.trimmed)) !== 0) return false
  return Buffer.from(event.buffer, event.byteOffset, event.byteLength).includes(trace)
}

/** Walks over the blocks that begin at or below an offset, in steps, and stores what `rewrite` makes of each. */
async function rewriteBlocks(
  { topic, through, writer }: { topic: Topic; through: number; writer: Writer },
  rewrite: (block: Block, builder: BlockBuilder) => void,
): Promise<void> {
  for (let after = 0; after < through && !topic.removed;) {
    const step = [...topic.reader.blocks(after, blocksPerStep)].filter(({ block }) => !block || block.first <= through)
    if (step.length === 0) return
    const group = writer.group()
    for (const stored of step) rewriteBlock({ topic, through, stored, group }, rewrite)
    await group.durable(undefined)
    after = step.at(-1)!.last
  }
}

function rewriteBlock(
  { topic, through, stored, group }: { topic: Topic; through: number; stored: StoredBlock; group: Group },
  rewrite: (block: Block, builder: BlockBuilder) => void,
): void {
  const { block, last } = stored
  const key = blockKey(topic.record.number, last)
  if (!block) {
    // Nothing of a damaged block can be told apart: it goes when all of it may go.
    if (last <= topic.record.trimmed && last <= through) group.put({ key, value: undefined })
    return
  }
  const builder = new BlockBuilder({
    topicNumber: topic.record.number,
    first: block.first,
    appendedAt: block.appendedAt,
  })
  rewrite(block, builder)
  if (builder.count === 0) group.put({ key, value: undefined })
  else if (builder.count < block.count || builder.rewritten) group.put({ key, value: builder.seal(last) })
}

function copyRaw(block: Block, index: number, builder: BlockBuilder): void {
  const raw = block.rawAt(index)
  if (raw) builder.copy(block.offsetAt(index), raw)
}
