import {
  ensureServes,
  type Arrival,
  type HeldStore,
  type IdentityBounds,
  type StoreItem,
  type StoreStanding,
} from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'
import type { MemoryLedgers } from './ledger.ts'
import type { MemoryTopics } from './log.ts'
import { MemoryTopic } from './topic.ts'

const itemsAtOnce = 1_000

interface MemoryStoreOptions {
  readonly environment: Environment
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
}

/** What a memory engine keeps while it is stopped, and how it is carried to another store. */
export class MemoryStore {
  readonly topics: MemoryTopics = new Map()
  readonly ledgers: MemoryLedgers = new Map()
  readonly #options: MemoryStoreOptions
  #standing: StoreStanding
  #held = false

  constructor(options: MemoryStoreOptions) {
    this.#options = options
    this.#standing = { store: options.environment.ids.next(), past: [] }
  }

  ensureServes(): void {
    if (this.#held)
      throw new TidingsError('store-locked', 'The store of the memory engine is held; let go of it first.')
    ensureServes(this.#standing, 'The store of the memory engine')
  }

  hold(): HeldStore {
    if (this.#held) throw new TidingsError('store-locked', 'The store of the memory engine is held already.')
    this.#held = true
    return {
      standing: this.#standing,
      deduplication: this.#options.deduplication,
      contents: (bounds) => this.#contents(bounds),
      receive: (arrival, items) => this.#receive(arrival, items),
      ready: async () => this.#become({ arrival: { ...this.#standing.arrival!, ready: true } }),
      leave: async (departure) => this.#become({ departure }),
      complete: async (past) => this.#become({ past }),
      takeBack: async () => this.#takeBack(),
      release: async () => void (this.#held = false),
    }
  }

  #become(standing: Partial<StoreStanding>): void {
    const { store, past } = this.#standing
    this.#standing = { store, past, ...standing }
  }

  async *#contents(bounds: IdentityBounds): AsyncIterable<readonly StoreItem[]> {
    let items: StoreItem[] = []
    for (const item of this.#items(bounds)) {
      items.push(item)
      if (items.length < itemsAtOnce) continue
      yield items
      items = []
    }
    yield items
  }

  *#items(bounds: IdentityBounds): Iterable<StoreItem> {
    for (const [name, stored] of this.topics) {
      const [namespace = '', topic = ''] = name.split('/')
      yield* stored.contents({ namespace, topic }, bounds)
    }
    for (const [name, { epoch, address, entries }] of this.ledgers) {
      const [namespace = '', ledger = '', shard] = name.split('/')
      const id = { namespace, ledger, shard: Number(shard) }
      const exists = entries !== undefined
      yield { item: 'ledger', id, epoch, exists, ...(address !== undefined && { address }) }
      for (const [key, value] of entries ?? []) yield { item: 'entry', key, value }
    }
  }

  async #receive(arrival: Arrival, items: AsyncIterable<readonly StoreItem[]>): Promise<void> {
    this.#become({ arrival: { ...arrival, ready: false } })
    this.topics.clear()
    this.ledgers.clear()
    let topic: MemoryTopic | undefined
    let entries: Map<string, string> | undefined
    for await (const some of items) {
      for (const item of some) {
        if (item.item === 'topic') topic = this.#addTopic(item)
        else if (item.item === 'ledger') entries = this.#addLedger(item)
        else if (item.item === 'entry') entries!.set(item.key, item.value)
        else topic!.restore(item)
      }
    }
  }

  #addTopic(item: StoreItem & { item: 'topic' }): MemoryTopic {
    const { id, kind, shards, incarnation } = item
    const topic = new MemoryTopic({ ...this.#options, incarnation, settings: { kind, shards }, arrived: item })
    this.topics.set(`${id.namespace}/${id.topic}`, topic)
    return topic
  }

  #addLedger({ id, epoch, exists, address }: StoreItem & { item: 'ledger' }): Map<string, string> | undefined {
    const entries = exists ? new Map<string, string>() : undefined
    this.ledgers.set(`${id.namespace}/${id.ledger}/${id.shard}`, { epoch, address, entries, sorted: undefined })
    return entries
  }

  #takeBack(): void {
    for (const topic of this.topics.values()) topic.beginAnotherLife()
    const epoch = Math.floor(this.#options.environment.clock.now() / 10)
    for (const ledger of this.ledgers.values()) ledger.epoch = Math.max(ledger.epoch + 1, epoch)
    this.#become({})
  }
}
