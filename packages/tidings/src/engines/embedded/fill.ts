import {
  identityHash,
  type DamagedItem,
  type EntryItem,
  type IdentityHash,
  type IdentityItem,
  type LedgerItem,
  type RecordItem,
  type StoreItem,
  type TopicItem,
} from '../../engine/index.ts'
import type { Event } from '../../event/index.ts'
import { recordFlags, recordHeaderBytes } from './block.ts'
import { BlockBuilder } from './block-builder.ts'
import { blockKey, indexedKey, ledgerKey, topicKey } from './keys.ts'
import { formatNewest } from './newest-index.ts'
import { seal, sealNamed } from './sealed.ts'
import type { LedgerRecord, Session } from './session.ts'
import type { Put, Store } from './store.ts'
import { blockBytes } from './topic-batch.ts'
import type { TopicRecord } from './topic.ts'

/** So much is written in one transaction. */
const bytesAtOnce = 4_194_304

/** Writes everything into a new store that nobody else uses, durably. */
export async function fillStore(session: Session, items: AsyncIterable<readonly StoreItem[]>): Promise<void> {
  const filling = new Filling(session)
  for await (const some of items) {
    for (const item of some) {
      filling.add(item)
      if (filling.bytes >= bytesAtOnce) await filling.write()
    }
  }
  filling.end()
  await filling.write()
}

interface Filled {
  readonly item: TopicItem
  readonly number: number
  keptFrom: number | undefined
  block: BlockBuilder | undefined
  /** The last offset of the block. */
  last: number
}

class Filling {
  bytes = 0
  readonly #session: Session
  readonly #store: Store
  #puts: Put[] = []
  #topic: Filled | undefined
  #ledger = 0

  constructor(session: Session) {
    this.#session = session
    this.#store = session.store
  }

  add(item: StoreItem): void {
    switch (item.item) {
      case 'topic':
        return this.#begin(item)
      case 'newest':
        return this.#putNamed('newest', item.key, formatNewest(item))
      case 'producer':
        return this.#putNamed('producer', item.id, `${item.epoch} ${item.counter}`)
      case 'identity':
      case 'record':
      case 'damaged':
        return this.#addToLog(this.#topic!, item)
      case 'ledger':
        return this.#beginLedger(item)
      case 'entry':
        return this.#addEntry(item)
    }
  }

  /** Ends the topic that is being filled. */
  end(): void {
    const topic = this.#topic
    if (!topic) return
    this.#endBlock(topic)
    this.#topic = undefined
    const { id, kind, shards, incarnation, seed, trimmed, head, continues } = topic.item
    const { number, keptFrom } = topic
    const record: TopicRecord = {
      ...{ kind, shards, number, incarnation, seed, trimmed, head },
      ...(keptFrom !== undefined && { keptFrom }),
      ...(continues.length > 0 && { continues }),
    }
    this.#put(seal(topicKey(`${id.namespace}/${id.topic}`), JSON.stringify(record)))
    if (kind === 'entity') this.#put(seal(indexedKey(number), String(head)))
  }

  async write(): Promise<void> {
    const puts = this.#puts
    this.#puts = []
    this.bytes = 0
    if (puts.length > 0) await this.#store.commit(puts)
  }

  #begin(item: TopicItem): void {
    this.end()
    this.#topic = { item, number: this.#session.nextNumber(), keptFrom: undefined, block: undefined, last: 0 }
  }

  #addToLog(topic: Filled, item: RecordItem | IdentityItem | DamagedItem): void {
    const { offset } = item
    if (item.item !== 'identity' && offset <= topic.item.trimmed) topic.keptFrom ??= offset
    const block = this.#blockFor(topic, item)
    topic.last = offset
    if (item.item === 'damaged') return block.copy(offset, unreadable)
    if (item.item === 'identity') {
      return block.add({ offset, shard: 0, flags: recordFlags.trimmed, identity: item.hash, event: undefined })
    }
    const { shard, event } = item
    block.add({ offset, shard, flags: flagsOf(item), identity: hashOf(event, topic.item.seed), event })
    block.bytesThrough = item.bytesThrough
  }

  /** What a block holds was appended at one time. */
  #blockFor(topic: Filled, item: RecordItem | IdentityItem | DamagedItem): BlockBuilder {
    const { block } = topic
    const appendedAt = item.item === 'damaged' ? (block?.appendedAt ?? 0) : item.appendedAt
    if (block && block.length < blockBytes && block.appendedAt === appendedAt) return block
    const bytesThrough = block?.bytesThrough ?? 0
    this.#endBlock(topic)
    topic.block = new BlockBuilder({ topicNumber: topic.number, first: item.offset, appendedAt, bytesThrough })
    return topic.block
  }

  #endBlock(topic: Filled): void {
    const { block, last, number } = topic
    topic.block = undefined
    if (block) this.#put({ key: blockKey(number, last), value: block.seal(last) })
  }

  #beginLedger({ id: { namespace, ledger, shard }, epoch, exists, address }: LedgerItem): void {
    this.end()
    this.#ledger = exists ? this.#session.nextNumber() : 0
    const record: LedgerRecord = {
      ...(exists && { number: this.#ledger }),
      epoch,
      ...(address !== undefined && { address }),
    }
    this.#put(seal(ledgerKey(`${namespace}/${ledger}/${shard}`), JSON.stringify(record)))
  }

  #addEntry({ key, value }: EntryItem): void {
    this.#put(sealNamed('entry', this.#ledger, { name: key, text: value }))
  }

  #putNamed(kind: 'newest' | 'producer', name: string, text: string): void {
    this.#put(sealNamed(kind, this.#topic!.number, { name, text }))
  }

  #put(put: Put): void {
    this.#puts.push(put)
    this.bytes += put.key.length + (put.value?.length ?? 0)
  }
}

/** A record that no version can read. */
const unreadable = new Uint8Array(recordHeaderBytes)

function flagsOf({ stale, erased }: RecordItem): number {
  return (stale ? recordFlags.stale : 0) | (erased ? recordFlags.erased : 0)
}

function hashOf({ source, id }: Event, seed: number): IdentityHash {
  return identityHash(source, id, seed)
}
