import {
  identityName,
  type IdentityItem,
  type LedgerId,
  type LedgerItem,
  type RecordItem,
  type StoreItem,
  type TopicItem,
} from '../../engine/index.ts'
import { encodeEvent, isTombstone } from '../../event/index.ts'
import { sealEntry } from './ledger.ts'
import { newLife } from './lives.ts'
import { bytesOfHash, bytesOfName, digestOf, hashOfName } from './names.ts'
import { sealRecord } from './record.ts'
import type { Run, Session } from './session.ts'
import { Rows } from './rows.ts'

const addingTopic = `
  insert into {topic} (namespace, topic, kind, shards, life, incarnation, head, trimmed, seed, carried, continues)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $7, $10) returning number`

const addingLedger = `
  insert into {ledger} (namespace, ledger, shard, epoch, address, removed) values ($1, $2, $3, $4, $5, $6) returning number`

/** What a trim has kept that is not the newest of its key: see the migrations. */
const keeping = `
  insert into {kept} (topic, "offset") select e.topic, e."offset" from {event} e
  where e.topic = $1 and e."offset" <= $2 and not exists (
    select from {newest} n where n.topic = e.topic and n.key = e.key and n."offset" = e."offset")`

const ending = 'update {topic} set bytes = $2, appended_at = $3 where number = $1'

interface Filled {
  readonly item: TopicItem
  readonly number: number
  bytes: number
  /** Of the last event, and of the newest of all. */
  lastAt: number
  appendedAt: number
}

/** Writes everything into empty tables, in the transaction of `run`. */
export class Filling {
  readonly #run: Run
  readonly #session: Session
  readonly #rows: Rows
  #topic: Filled | undefined
  #ledger: { readonly id: LedgerId; readonly number: number } | undefined

  constructor(run: Run, session: Session) {
    this.#run = run
    this.#session = session
    this.#rows = new Rows(run)
  }

  async add(item: StoreItem): Promise<void> {
    if (item.item === 'topic') await this.#begin(item)
    else if (item.item === 'ledger') await this.#beginLedger(item)
    else this.#put(item)
    if (this.#rows.isFull) await this.#rows.write()
  }

  /** Ends the topic that is being filled. */
  async end(): Promise<void> {
    await this.#rows.write()
    const topic = this.#topic
    this.#topic = undefined
    if (!topic) return
    const { number, item, bytes, appendedAt } = topic
    await this.#run(ending, [number, bytes, appendedAt])
    await this.#run(keeping, [number, item.trimmed])
  }

  async #begin(item: TopicItem): Promise<void> {
    await this.end()
    const { id, kind, shards, incarnation, head, trimmed, seed, continues } = item
    const life = newLife(this.#session.environment)
    const [row] = await this.#run<{ number: number }>(addingTopic, [
      ...[id.namespace, id.topic, kind, shards, life, incarnation, head, trimmed, seed],
      JSON.stringify(continues),
    ])
    this.#topic = { item, number: row!.number, bytes: 0, lastAt: 0, appendedAt: 0 }
  }

  async #beginLedger({ id, epoch, exists, address }: LedgerItem): Promise<void> {
    await this.end()
    const values = [id.namespace, id.ledger, id.shard, epoch, address ?? null, !exists]
    const [row] = await this.#run<{ number: number }>(addingLedger, values)
    this.#ledger = { id, number: row!.number }
  }

  #put(item: Exclude<StoreItem, TopicItem | LedgerItem>): void {
    const rows = this.#rows
    if (item.item === 'entry') {
      const { id, number } = this.#ledger!
      return rows.put('entry', [number, item.key, sealEntry(id, item.key, item.value)])
    }
    const topic = this.#topic!
    const { number, lastAt, bytes } = topic
    if (item.item === 'newest') {
      const { key, offset, version } = item
      return rows.put('newest', [number, bytesOfName(key), offset, version.sourceepoch, version.sequence])
    }
    if (item.item === 'producer') {
      return rows.put('producer', [number, bytesOfName(item.id), item.epoch, item.counter])
    }
    if (item.item === 'identity') return this.#putCarried(topic, item)
    if (item.item === 'record') return this.#putRecord(topic, item)
    // Of what is damaged nothing is left, and it stays damaged.
    rows.put('event', [number, item.offset, lastAt, bytes, 0, false, false, false, null, Buffer.alloc(0)])
  }

  #putCarried(topic: Filled, { offset, hash, appendedAt }: IdentityItem): void {
    this.#rows.put('carried', [topic.number, offset, bytesOfHash(hash), appendedAt])
    topic.appendedAt = Math.max(topic.appendedAt, appendedAt)
  }

  #putRecord(topic: Filled, item: RecordItem): void {
    const { number: topicNumber } = topic
    const { offset, appendedAt, shard, stale, erased, event, bytesThrough } = item
    const key = event.key === undefined ? null : bytesOfName(event.key)
    const record = sealRecord({ topicNumber, offset, appendedAt, shard, stale, erased }, encodeEvent(event))
    this.#rows.put('event', [
      ...[topicNumber, offset, appendedAt, bytesThrough, shard, stale, erased, isTombstone(event), key, record],
    ])
    topic.bytes = bytesThrough
    topic.lastAt = appendedAt
    topic.appendedAt = Math.max(topic.appendedAt, appendedAt)
    if (!this.#isInWindow(topic.item.head, item)) return
    const name = identityName(event)
    const hash = hashOfName(name, topic.item.seed)
    this.#rows.put('identity', [topicNumber, digestOf(name), offset, appendedAt, hash])
  }

  #isInWindow(head: number, { offset, appendedAt }: RecordItem): boolean {
    const { deduplication, environment } = this.#session
    const { maxIds, maxAgeMs } = deduplication
    return offset > head - maxIds && appendedAt >= environment.clock.now() - maxAgeMs
  }
}
