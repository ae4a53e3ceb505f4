import { withoutPayload, type TrimOptions } from '../../engine/index.ts'
import { decodeEvent, isTombstone } from '../../event/index.ts'
import { recordFlags, type Block, type StoredRecord } from './block.ts'
import { BlockBuilder } from './block-builder.ts'
import { blockKey } from './keys.ts'
import type { Topic } from './topic.ts'
import { isTrimmed, type StoredBlock } from './topic-reader.ts'
import { Kept, takeExpired } from './trim-progress.ts'
import type { Group, Writer } from './writer.ts'

/** So many blocks are rewritten in one transaction: nobody waits long behind it. */
const blocksPerStep = 64

/**
 * Removes what nobody needs at or below an offset, in steps; one that was interrupted is finished by the next trim.
 * Identities within the deduplication window stay as records without an event.
 */
export async function trimTopic(
  topic: Topic,
  { through, keep = [], tombstonesBefore = -Infinity }: TrimOptions & { readonly through: number },
  writer: Writer,
): Promise<void> {
  const limit = Math.max(topic.record.trimmed, Math.min(through, topic.head))
  const kept = new Kept(keep, limit)
  const { progress } = topic
  const before = progress.complete ? topic.record.trimmed : 0
  const again = progress.complete ? blocksToVisitAgain(topic, kept, tombstonesBefore) : []
  progress.complete = false
  await putBounds(topic, { limit, keptFrom: kept.ascending[0], tombstones: tombstonesBefore > 0 }, writer)
  const rewrite = (block: Block, builder: BlockBuilder): void =>
    trimBlock(topic, { block, builder, kept, tombstonesBefore })
  for (let begin = 0; begin < again.length; begin += blocksPerStep) {
    const lasts = again.slice(begin, begin + blocksPerStep)
    const step = lasts.flatMap((last) => [...topic.reader.blocks(last - 1, 1)].filter((block) => block.last === last))
    await rewriteStep(topic, step, writer, rewrite)
  }
  await rewriteRange({ topic, after: before, through: limit, writer }, rewrite)
  progress.kept = kept.ascending
  progress.complete = true
}

/** Says how far the topic is trimmed, before anything is removed: whatever a crash leaves is finished by the next trim. */
async function putBounds(
  topic: Topic,
  bounds: { readonly limit: number; readonly keptFrom: number | undefined; readonly tombstones: boolean },
  writer: Writer,
): Promise<void> {
  const { limit, keptFrom, tombstones } = bounds
  const { trimmed, keptFrom: before } = topic.record
  // The log says nothing of the version of a tombstone that left it: only the index does.
  const indexFirst = tombstones && topic.hasUnwrittenNewest
  if (limit <= trimmed && keptFrom === before && !indexFirst) return
  const group = writer.group()
  if (indexFirst) topic.putNewest(group)
  topic.putTrimmed({ through: limit, keptFrom }, group)
  await group.durable(undefined)
}

/** The last offsets of blocks at or below the last trim that hold something that can go now. */
function blocksToVisitAgain(topic: Topic, kept: Kept, tombstonesBefore: number): number[] {
  const { progress, reader } = topic
  const lasts = new Set<number>()
  const visit = (offset: number): void => {
    for (const { last } of reader.blocks(offset - 1, 1)) lasts.add(last)
  }
  for (const offset of progress.replaced) visit(offset)
  progress.replaced.clear()
  for (const offset of progress.kept) if (!kept.has(offset)) visit(offset)
  const expired = [
    ...takeExpired(progress.identities, ({ last, appendedAt }) => topic.inWindow(last, appendedAt)),
    ...takeExpired(progress.tombstones, ({ appendedAt }) => appendedAt >= tombstonesBefore),
  ]
  for (const { last } of expired) lasts.add(last)
  return [...lasts].sort((left, right) => left - right)
}

interface BlockTrim {
  readonly block: Block
  readonly builder: BlockBuilder
  readonly kept: Kept
  readonly tombstonesBefore: number
}

function trimBlock(topic: Topic, { block, builder, kept, tombstonesBefore }: BlockTrim): void {
  const { kind, trimmed } = topic.record
  const { last, appendedAt } = block
  const isEntity = kind === 'entity'
  const keeps = kept.hasWithin(block.first, last)
  if (!isEntity && !keeps && last <= trimmed && !topic.inWindow(last, appendedAt)) return
  let identities = false
  let tombstones = false
  for (let index = 0; index < block.count; index++) {
    const offset = block.offsetAt(index)
    const record = offset > trimmed ? undefined : block.recordAt(index)
    const newest = isEntity && record && newestOfKey(topic, record)
    const isOld = newest === 'tombstone' && appendedAt < tombstonesBefore
    if (newest === 'tombstone' && !isOld) tombstones = true
    // A damaged record may be the newest of its key: `latest` must not lack it without a word.
    const isDamaged = isEntity && offset <= trimmed && !record
    if (offset > trimmed || isDamaged || (newest && !isOld)) copyRaw(block, index, builder)
    else if (keeps && kept.has(offset) && !(record && isTrimmed(record))) copyRaw(block, index, builder)
    else if (record && topic.inWindow(offset, appendedAt)) {
      identities = true
      if (isTrimmed(record)) copyRaw(block, index, builder)
      else builder.add({ ...record, flags: record.flags | recordFlags.trimmed, event: undefined })
    }
  }
  if (identities) topic.progress.identities.push({ last, appendedAt })
  if (tombstones) topic.progress.tombstones.push({ last, appendedAt })
}

function newestOfKey(topic: Topic, { offset, flags, event }: StoredRecord): 'state' | 'tombstone' | undefined {
  if ((flags & (recordFlags.stale | recordFlags.trimmed)) !== 0) return undefined
  const decoded = decodeEvent(event)
  if (decoded.key === undefined || topic.newest(decoded.key)?.offset !== offset) return undefined
  return isTombstone(decoded) ? 'tombstone' : 'state'
}

/** Replaces every event of a key by what may be left of it. Answers how many it erased. */
export async function eraseKey(topic: Topic, key: string, writer: Writer): Promise<number> {
  // What was appended before this call must be on disk to be found.
  await writer.group().durable(undefined)
  const trace = Buffer.from(JSON.stringify(key))
  let erased = 0
  await rewriteRange({ topic, after: 0, through: topic.head, writer }, (block, builder) => {
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

type Rewrite = (block: Block, builder: BlockBuilder) => void

/** Walks over the blocks between two offsets, in steps, and stores what `rewrite` makes of each. */
async function rewriteRange(
  { topic, after, through, writer }: { topic: Topic; after: number; through: number; writer: Writer },
  rewrite: Rewrite,
): Promise<void> {
  for (let done = after; done < through;) {
    const blocks = [...topic.reader.blocks(done, blocksPerStep)]
    const step = blocks.filter(({ block }) => !block || block.first <= through)
    if (step.length === 0) return
    await rewriteStep(topic, step, writer, rewrite)
    done = step.at(-1)!.last
  }
}

async function rewriteStep(
  topic: Topic,
  step: readonly StoredBlock[],
  writer: Writer,
  rewrite: Rewrite,
): Promise<void> {
  if (topic.removed) return
  const group = writer.group()
  for (const stored of step) rewriteBlock(topic, stored, group, rewrite)
  await group.durable(undefined)
}

function rewriteBlock(topic: Topic, { block, last }: StoredBlock, group: Group, rewrite: Rewrite): void {
  const key = blockKey(topic.record.number, last)
  if (!block) {
    // Nothing of a damaged block can be told apart: it goes when all of it may go, which nobody can say of entities.
    if (last <= topic.record.trimmed && topic.record.kind !== 'entity') group.put({ key, value: undefined })
    return
  }
  const builder = new BlockBuilder({
    topicNumber: topic.record.number,
    first: block.first,
    appendedAt: block.appendedAt,
    bytesThrough: block.bytesThrough,
  })
  rewrite(block, builder)
  if (builder.count === 0) group.put({ key, value: undefined })
  else if (builder.count < block.count || builder.rewritten) group.put({ key, value: builder.seal(last) })
}

function copyRaw(block: Block, index: number, builder: BlockBuilder): void {
  const raw = block.rawAt(index)
  if (raw) builder.copy(block.offsetAt(index), raw)
}
