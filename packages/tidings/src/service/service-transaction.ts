import { encodePayload, type Entity, type EventType } from '../contract/index.ts'
import type { SqlRow, SqlValue, Transaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { validateKey, type AttributeValue, type Event } from '../event/index.ts'
import type { Pending, PendingChange, PendingEvent } from '../outbox/index.ts'
import type { Owned } from './owned-entity.ts'
import type { PublishOptions } from './types.ts'

export interface TransactionOptions {
  readonly service: string
  readonly environment: Environment
  readonly owned: ReadonlyMap<string, Owned>
  /** Set on every event of this transaction: what caused it. */
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** Runs `work` inside a transaction and answers what it wants to tell others, too. */
export async function collect<Result>(
  transaction: Transaction,
  options: TransactionOptions,
  work: (tx: CollectingTransaction) => Promise<Result> | Result,
): Promise<{ result: Result; pending: Pending }> {
  const tx = new CollectingTransaction(transaction, options)
  try {
    const result = await work(tx)
    return { result, pending: await tx.finish() }
  } finally {
    tx.end()
  }
}

/** A service's transaction while its work runs; nothing of it works afterwards. */
export class CollectingTransaction {
  readonly #transaction: Transaction
  readonly #options: TransactionOptions
  readonly #events: Promise<PendingEvent>[] = []
  readonly #changes: PendingChange[] = []
  #ended = false

  constructor(transaction: Transaction, options: TransactionOptions) {
    this.#transaction = transaction
    this.#options = options
  }

  query<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]> {
    return this.#transaction.query<Row>(text, values)
  }

  readRow(table: string, column: string, value: SqlValue): Promise<SqlRow | undefined> {
    return this.#transaction.readRow(table, column, value)
  }

  async publish(type: EventType, data: unknown, options: PublishOptions = {}): Promise<void> {
    this.#ensureOpen()
    const { service } = this.#options
    if (type.kind === 'entity') {
      throw new TidingsError(
        'bad-request',
        `${type.type} belongs to an entity: call changed() with its key, and it is read and published at the commit.`,
      )
    }
    if (type.kind === 'event' && type.service !== service) {
      throw new TidingsError(
        'forbidden',
        `${type.type} belongs to the service ${type.service}; ${service} publishes its own events, and sends tasks to others.`,
      )
    }
    const { replyTo } = options
    if (replyTo && (type.kind !== 'task' || replyTo.service !== service)) {
      throw new TidingsError(
        'bad-request',
        `${type.type} cannot be answered in ${replyTo.topic}: tasks are answered, in a topic of the service that sends them.`,
      )
    }
    const event = this.#eventOf(type, data, options)
    this.#events.push(event)
    await event
  }

  async changed(entity: Entity, key: string | number): Promise<void> {
    this.#ensureOpen()
    const owned = this.#options.owned.get(entity.topic)
    if (!owned) {
      throw new TidingsError(
        'bad-request',
        `${this.#options.service} does not know where ${entity.topic} lives; say so with service.owns(…, { table }).`,
      )
    }
    this.#changes.push({ entity: owned.for(this.#options.attributes), key: validateKey(String(key)) })
  }

  /** Waits for what was published without being awaited; a refusal among it fails the transaction. */
  async finish(): Promise<Pending> {
    return { events: await Promise.all(this.#events), changes: this.#changes }
  }

  end(): void {
    this.#ended = true
  }

  async #eventOf(type: EventType, data: unknown, options: PublishOptions): Promise<PendingEvent> {
    const { environment, service } = this.#options
    const { id, subject, replyTo, correlationId } = options
    const attributes = {
      ...this.#options.attributes,
      ...(correlationId === undefined ? {} : { correlationid: correlationId }),
      ...(replyTo === undefined ? {} : { replyto: replyTo.topic }),
    }
    const event: Event = {
      id: id ?? environment.ids.next(),
      source: service,
      type: type.type,
      time: new Date(environment.clock.now()).toISOString(),
      ...(subject === undefined ? {} : { subject }),
      ...(Object.keys(attributes).length === 0 ? {} : { extensions: attributes }),
      ...(await encodePayload(type, data)),
    }
    return { topic: type.topic, kind: type.kind, event }
  }

  #ensureOpen(): void {
    if (!this.#ended) return
    throw new TidingsError(
      'transaction-misuse',
      'This transaction has ended; await everything inside the function that it was given to.',
    )
  }
}
