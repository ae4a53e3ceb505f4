import type { Broker, Caller } from '../broker/port/broker.ts'
import type { LatestPage } from '../broker/port/events.ts'
import type { Database, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import { TidingsError } from '../errors.ts'
import { isTombstone } from '../event/index.ts'
import { keyBytes, keyText } from './key-bytes.ts'
import type { OwnedEntity } from './pending.ts'
import type { OutboxStatements } from './tables.ts'
import type { Writer } from './writer.ts'

/** What has to be known of an entity to publish all of it again. */
export interface Listing {
  readonly entity: OwnedEntity
  /** Keys of the entity's table after one of them (from the first where it is absent), in the table's order, at most `limit`. */
  readonly keysAfter: (transaction: Transaction, after: string | undefined, limit: number) => Promise<readonly string[]>
}

/** How many events a call of `relist` has written. */
export interface ListingReport {
  readonly present: number
  readonly deleted: number
}

interface Progress {
  readonly sourceepoch: number
  /** `table`: what is here; `broker`: what only the broker knows, and is gone. */
  readonly stage: 'table' | 'broker' | 'done'
  readonly cursor: string | undefined
}

const keysAtOnce = 200
const eventsAtOnce = 500

/**
 * Publishes an entity completely: created or updated for each row, deleted for each key that only the broker knows. It
 * goes in chunks, each one transaction that also keeps how far it came; called again it goes on there, and has nothing to
 * do once the present life of the database is listed.
 */
export class Lister {
  readonly #database: Database
  readonly #broker: Broker
  readonly #caller: Caller
  readonly #writer: Writer
  readonly #statements: OutboxStatements

  constructor(options: {
    readonly database: Database
    readonly broker: Broker
    readonly caller: Caller
    readonly writer: Writer
    readonly statements: OutboxStatements
  }) {
    this.#database = options.database
    this.#broker = options.broker
    this.#caller = options.caller
    this.#writer = options.writer
    this.#statements = options.statements
  }

  /** `between` runs after every chunk; what it throws ends the call there. */
  async relist(listing: Listing, between: () => void): Promise<ListingReport> {
    let present = 0
    let deleted = 0
    for (;;) {
      const { stage, cursor } = await ownTransaction(this.#database, (transaction) =>
        this.#progressOf(transaction, listing.entity.topic),
      )
      if (stage === 'done') return { present, deleted }
      if (stage === 'table') present += await this.#listTable(listing)
      else deleted += await this.#listBroker(listing.entity, cursor)
      between()
    }
  }

  #listTable({ entity, keysAfter }: Listing): Promise<number> {
    return ownTransaction(this.#database, async (transaction) => {
      const progress = await this.#progressOf(transaction, entity.topic)
      if (progress.stage !== 'table') return 0
      const keys = await keysAfter(transaction, progress.cursor, keysAtOnce)
      const changes = keys.map((key) => ({ entity, key }))
      const written = await this.#writer.flush(transaction, { events: [], changes }, { complete: true })
      const last = keys.at(-1)
      const next =
        last === undefined ? { stage: 'broker' as const, cursor: undefined } : { stage: 'table' as const, cursor: last }
      await this.#save(transaction, entity.topic, { ...progress, ...next })
      return written
    })
  }

  async #listBroker(entity: OwnedEntity, cursor: string | undefined): Promise<number> {
    const page = await this.#page(entity.topic, cursor)
    const known = page.events
      .filter(({ event }) => event.key !== undefined && !isTombstone(event))
      .map(({ event }) => event.key!)
    return ownTransaction(this.#database, async (transaction) => {
      const progress = await this.#progressOf(transaction, entity.topic)
      if (progress.stage !== 'broker' || progress.cursor !== cursor) return 0
      const gone: string[] = []
      for (const key of known) if ((await entity.readRow(transaction, key)) === undefined) gone.push(key)
      const changes = gone.map((key) => ({ entity, key }))
      const written = await this.#writer.flush(transaction, { events: [], changes }, { complete: true })
      const stage = page.next === undefined ? 'done' : 'broker'
      await this.#save(transaction, entity.topic, { ...progress, stage, cursor: page.next })
      return written
    })
  }

  async #page(topic: string, cursor: string | undefined): Promise<LatestPage> {
    const request = { topic, limit: eventsAtOnce }
    try {
      return await this.#broker.latest(this.#caller, cursor === undefined ? request : { ...request, cursor })
    } catch (error) {
      // The topic has begun another life since the page before: its listing begins again.
      if (cursor === undefined || !(error instanceof TidingsError) || error.code !== 'position-unknown') throw error
      return this.#broker.latest(this.#caller, request)
    }
  }

  async #progressOf(transaction: Transaction, topic: string): Promise<Progress> {
    // Chunk after chunk, whoever lists.
    const [source] = await transaction.query<{ sourceepoch: number }>(this.#statements.holdSource)
    const { sourceepoch } = source!
    const [row] = await transaction.query<{ sourceepoch: number; stage: string; cursor: Uint8Array | null }>(
      this.#statements.listing,
      [topic],
    )
    if (row?.sourceepoch !== sourceepoch) return { sourceepoch, stage: 'table', cursor: undefined }
    return { sourceepoch, stage: row.stage as Progress['stage'], cursor: row.cursor ? keyText(row.cursor) : undefined }
  }

  async #save(transaction: Transaction, topic: string, { sourceepoch, stage, cursor }: Progress): Promise<void> {
    const place = cursor === undefined ? null : keyBytes(cursor)
    await transaction.query(this.#statements.saveListing, [topic, sourceepoch, stage, place])
  }
}
