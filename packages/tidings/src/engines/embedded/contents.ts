import type { IdentityBounds, LedgerId, StoreItem, TopicItem } from '../../engine/index.ts'
import { logRecordOf, recordHeaderBytes, type Block, type StoredRecord } from './block.ts'
import { decodeText, nameOfKey, rangeOfNumber } from './keys.ts'
import { topicIdOf } from './log.ts'
import { unseal } from './sealed.ts'
import type { LedgerRecord, Session } from './session.ts'
import type { KeyRange } from './store.ts'
import type { Topic } from './topic.ts'
import { isTrimmed } from './topic-reader.ts'

const entriesAtOnce = 1_000
/** A block that is not alone in its group commit has about 64 KiB. */
const blocksAtOnce = 32

/** Everything in an open store that nobody writes to. */
export async function* contentsOf(session: Session, bounds: IdentityBounds): AsyncGenerator<readonly StoreItem[]> {
  for (const topic of session.topics.values()) {
    yield [topicItemOf(topic)]
    yield* newestOf(session, topic)
    yield* producersOf(session, topic)
    yield* logOf(topic, bounds)
  }
  for (const [name, record] of session.ledgers) yield* ledgerOf(session, name, record)
}

function topicItemOf({ name, record, head }: Topic): TopicItem {
  const { kind, shards, incarnation, continues = [], trimmed, seed } = record
  return { item: 'topic', id: topicIdOf(name), kind, shards, incarnation, continues, head, trimmed, seed }
}

async function* newestOf(session: Session, topic: Topic): AsyncGenerator<readonly StoreItem[]> {
  if (topic.hasUnwrittenNewest) {
    const group = session.writer.group()
    topic.putNewest(group)
    await group.durable(undefined)
  }
  for (let after: Uint8Array | undefined; ;) {
    const page = topic.newestAfter(after, entriesAtOnce)
    yield page.map(({ key, newest }) => ({ item: 'newest', key: decodeText(key), ...newest }))
    after = page.at(-1)?.key
    if (page.length < entriesAtOnce) return
  }
}

async function* producersOf(session: Session, { name, record }: Topic): AsyncGenerator<readonly StoreItem[]> {
  for (const page of pagesOf(session, rangeOfNumber('producer', record.number))) {
    yield page.map(({ key, value }) => {
      const id = nameOfKey(key)
      const [epoch, counter] = unseal(key, value, () => `Producer ${id} of topic ${name}`).split(' ')
      return { item: 'producer', id, epoch: Number(epoch), counter: Number(counter) }
    })
  }
}

async function* ledgerOf(
  session: Session,
  name: string,
  { number, epoch, address }: LedgerRecord,
): AsyncGenerator<readonly StoreItem[]> {
  const id = ledgerIdOf(name)
  const exists = number !== undefined
  yield [{ item: 'ledger', id, epoch, exists, ...(address !== undefined && { address }) }]
  if (number === undefined) return
  for (const page of pagesOf(session, rangeOfNumber('entry', number))) {
    yield page.map(({ key: stored, value }) => {
      const key = nameOfKey(stored)
      return { item: 'entry', key, value: unseal(stored, value, () => `Entry ${key} of ledger ${name}`) }
    })
  }
}

function ledgerIdOf(name: string): LedgerId {
  const [namespace = '', ledger = '', shard] = name.split('/')
  return { namespace, ledger, shard: Number(shard) }
}

/** The log as `read` gives it, with the identities of what was trimmed. */
async function* logOf(topic: Topic, bounds: IdentityBounds): AsyncGenerator<readonly StoreItem[]> {
  const { kind, trimmed, keptFrom = trimmed + 1 } = topic.record
  const counts = ({ offset, appendedAt }: { offset: number; appendedAt: number }): boolean =>
    offset > topic.head - bounds.maxIds && appendedAt >= bounds.since
  // What an interrupted trim has left below is nobody's any more.
  const isGone = (offset: number): boolean => kind !== 'entity' && offset < keptFrom
  let covered = 0
  for (let more = true; more;) {
    const stored = [...topic.reader.blocks(covered, blocksAtOnce)]
    const items: StoreItem[] = []
    for (const { block, last } of stored) {
      for (let offset = covered + 1; !block && offset <= last; offset++) items.push({ item: 'damaged', offset })
      for (const found of block ? itemsOf(block) : []) {
        if (found.item === 'record' && isGone(found.offset)) items.push({ ...found.identity, item: 'identity' })
        else if (found.item === 'record') items.push(found.record)
        else items.push(found)
      }
      covered = last
    }
    yield items.filter((item) => {
      if (item.item === 'identity') return counts(item)
      return item.item !== 'damaged' || !isGone(item.offset)
    })
    more = stored.length === blocksAtOnce
  }
}

type Found =
  | (StoreItem & { item: 'damaged' | 'identity' })
  | {
      readonly item: 'record'
      readonly offset: number
      readonly identity: Omit<StoreItem & { item: 'identity' }, 'item'>
      readonly record: StoreItem
    }

function itemsOf(block: Block): Found[] {
  // A clock of the user's own may tell parts of a millisecond, which not every store keeps.
  const appendedAt = Math.floor(block.appendedAt)
  const found: Found[] = []
  let bytesThrough = block.bytesThrough
  for (let index = block.count - 1; index >= 0; index--) {
    const offset = block.offsetAt(index)
    const stored = block.recordAt(index)
    if (stored) found.push(foundOf(stored, appendedAt, bytesThrough))
    else found.push({ item: 'damaged', offset })
    bytesThrough -= (block.rawAt(index)?.length ?? recordHeaderBytes) - recordHeaderBytes
  }
  return found.toReversed()
}

function foundOf(stored: StoredRecord, appendedAt: number, bytesThrough: number): Found {
  const { offset, identity: hash } = stored
  const identity = { offset, appendedAt, hash }
  if (isTrimmed(stored)) return { item: 'identity', ...identity }
  return {
    item: 'record',
    offset,
    identity,
    record: { item: 'record', ...logRecordOf(stored, appendedAt), bytesThrough },
  }
}

/** The entries of a range, in key order, a page at a time: no cursor of LMDB stays open between two pages. */
function* pagesOf(session: Session, { from, to }: KeyRange): Iterable<{ key: Uint8Array; value: Uint8Array }[]> {
  for (let begin = from; ;) {
    const page = [...session.store.entries({ from: begin, to }, { limit: entriesAtOnce })].map(({ key, value }) => ({
      key: new Uint8Array(key),
      value,
    }))
    yield page
    const last = page.at(-1)
    if (!last || page.length < entriesAtOnce) return
    begin = Buffer.concat([last.key, Buffer.of(0)])
  }
}
