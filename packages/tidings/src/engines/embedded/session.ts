import type { Environment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'
import { decodeText, garbageKey, ledgerKey, numberOfKey, rangeOfKind, rangeOfNumber, type KeyKind } from './keys.ts'
import { seal, unseal } from './sealed.ts'
import { Store } from './store.ts'
import { incarnationOf, putTopicRecord, Topic, type TopicRecord } from './topic.ts'
import { Writer, type Group } from './writer.ts'

/** What is stored of a ledger itself; it stays when the ledger is removed, so that epochs grow for ever. */
export interface LedgerRecord {
  /** Its number in keys; absent while the ledger does not exist. */
  readonly number?: number
  readonly epoch: number
  readonly address?: string
}

export interface SessionOptions {
  readonly file: string
  readonly environment: Environment
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
  readonly onFatal: (error: Error) => void
  /** Called with the name of a topic that has more events to read. */
  readonly onGrown: (name: string) => void
}

const numberedKinds: readonly KeyKind[] = ['block', 'newest', 'indexed', 'producer', 'entry']
const keysPerStep = 1_000
const livesRemembered = 20

/** An open store with what memory knows about it: from `start` to `stop`. */
export class Session {
  readonly store: Store
  readonly writer: Writer
  readonly topics = new Map<string, Topic>()
  /** Ahead of the disk, like everything in memory. */
  readonly ledgers = new Map<string, LedgerRecord>()
  readonly #options: SessionOptions
  #lastNumber = 0
  #closing = false
  #copying: Promise<void> | undefined
  #cleaning: Promise<void> = Promise.resolve()

  /** Opens the store and reads what it says about topics and ledgers. */
  static async open(options: SessionOptions): Promise<Session> {
    const session = new Session(options)
    try {
      session.#load()
      return session
    } catch (error) {
      await session.close()
      throw error
    }
  }

  private constructor(options: SessionOptions) {
    this.#options = options
    this.store = new Store(options.file)
    this.writer = new Writer(this.store, options.onFatal)
  }

  #load(): void {
    for (const { key, value } of this.store.entries(rangeOfKind('topic'))) {
      const name = decodeText(key.subarray(1))
      this.openTopic(name, JSON.parse(unseal(key, value, () => `Topic ${name}`)) as TopicRecord)
    }
    for (const { key, value } of this.store.entries(rangeOfKind('ledger'))) {
      const name = decodeText(key.subarray(1))
      const record = JSON.parse(unseal(key, value, () => `Ledger ${name}`)) as LedgerRecord
      this.#lastNumber = Math.max(this.#lastNumber, record.number ?? 0)
      this.ledgers.set(name, record)
    }
    for (const key of this.store.keys(rangeOfKind('garbage'))) {
      this.#lastNumber = Math.max(this.#lastNumber, numberOfKey(key))
      this.#clean(numberOfKey(key))
    }
  }

  /** A number that nothing in the store has. */
  nextNumber(): number {
    return (this.#lastNumber += 1)
  }

  openTopic(name: string, record: TopicRecord): Topic {
    const { environment, deduplication } = this.#options
    this.#lastNumber = Math.max(this.#lastNumber, record.number)
    const onGrown = (): void => this.#options.onGrown(name)
    const topic = new Topic({ name, record, store: this.store, environment, deduplication, onGrown })
    this.topics.set(name, topic)
    return topic
  }

  /** Removes everything that belongs to a number, once the group is durable; a restart goes on with it. */
  discard(number: number, group: Group): void {
    group.put({ key: garbageKey(number), value: Buffer.of(1) })
    group.join({ seal() {}, rolledBack() {}, committed: () => this.#clean(number) })
  }

  /** Gives every topic another incarnation that names the one before, and every ledger an epoch above all of before. */
  async beginAnotherLife(): Promise<void> {
    const { environment } = this.#options
    const group = this.writer.group()
    for (const [name, topic] of this.topics) {
      const { incarnation, continues = [] } = topic.record
      const before = [...continues, { incarnation, through: topic.head }].slice(-livesRemembered)
      const next = incarnationOf(topic.record.number, environment)
      putTopicRecord(name, { ...topic.record, incarnation: next, head: topic.head, continues: before }, group)
    }
    // Hundredths of a second since 1970 fit into a lease, and no life restored from the same backup has begun at the same.
    const epoch = Math.floor(environment.clock.now() / 10)
    for (const [name, record] of this.ledgers) {
      group.put(seal(ledgerKey(name), JSON.stringify({ ...record, epoch: Math.max(record.epoch + 1, epoch) })))
    }
    await group.durable(undefined)
  }

  /** Copies the store as of one moment to a new file; one copy at a time. */
  async copyTo(file: string): Promise<void> {
    if (this.#copying) {
      throw new TidingsError('unavailable', 'A backup of this store is being taken already; try again when it is done.')
    }
    this.#copying = this.store.copyTo(file).finally(() => (this.#copying = undefined))
    await this.#copying
  }

  /** Finishes what was accepted and closes the store. */
  async close(): Promise<void> {
    this.#closing = true
    await this.#copying?.catch(() => undefined)
    await this.#cleaning
    await this.writer.close()
    await this.store.close()
  }

  /** Garbage is no promise to anybody: a full disk interrupts it until the next start. */
  #clean(number: number): void {
    this.#cleaning = this.#cleaning.then(() => this.#removeNumber(number)).catch(() => undefined)
  }

  async #removeNumber(number: number): Promise<void> {
    for (const kind of numberedKinds) {
      for (let more = true; more;) {
        if (this.#closing) return
        const keys = [...this.store.keys(rangeOfNumber(kind, number), { limit: keysPerStep })]
        more = keys.length > 0
        if (more) await this.#write((group) => keys.forEach((key) => group.put({ key, value: undefined })))
      }
    }
    await this.#write((group) => group.put({ key: garbageKey(number), value: undefined }))
  }

  async #write(fill: (group: Group) => void): Promise<void> {
    const group = this.writer.group()
    fill(group)
    await group.durable(undefined)
  }
}
