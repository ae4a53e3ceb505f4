import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Entity } from '../contract/index.ts'
import type { Environment } from '../environment/index.ts'
import { isTombstone, type Event } from '../event/index.ts'
import { latestPages } from './broker-listing.ts'
import type { CapturePool } from './client.ts'
import { completeRows } from './complete-rows.ts'
import { changeEvent, truncatedEvent, type Life } from './events.ts'
import { restored } from './life.ts'
import { Listing } from './listing.ts'
import type { Lsn } from './lsn.ts'
import { NewLife } from './new-life.ts'
import type { Notes } from './notes.ts'
import { decodeMessage, type LogMessage, type Relation } from './pgoutput.ts'
import type { Publisher } from './publisher.ts'
import type { Raise } from './report.ts'
import type { RowForm } from './row-form.ts'
import type { CaptureState, StateStore } from './state.ts'
import type { ReplicationStream } from './stream.ts'
import { formOfRelation, inspectTable, type CapturedTable, type TableOptions } from './table.ts'
import { TransactionChanges, type Change } from './transaction.ts'

export interface RunOptions {
  readonly pool: CapturePool
  readonly broker: Broker
  readonly caller: Caller
  readonly environment: Environment
  readonly entity: Entity
  readonly tableOptions: TableOptions
  readonly table: CapturedTable
  readonly store: StateStore
  readonly state: CaptureState
  /** See `SettledLife`. */
  readonly ahead: ReadonlySet<Lsn>
  readonly stream: ReplicationStream
  readonly publisher: Publisher
  readonly notes: Notes
  readonly raise: Raise
  readonly signal: AbortSignal
  readonly chunkRows: number
  /** A note has come through the log and the broker. */
  readonly onFlowing: () => void
}

/** Events wait for a call of this size while there are more messages to look at. */
const batchEvents = 500
/** A transaction of more keys, or bytes, than these is published piece by piece. */
const mostKeys = 2_000
const mostBytes = 4 * 1_048_576
/** Rows whose stored-apart values are read at once. */
const reread = 50
const confirmEveryMs = 1_000

/**
 * Reads one stream of the log to its end, and lists the table beside it where that is due. Everything is published by
 * this one loop, in the order of the log; while it waits for the broker, the stream waits too. What it confirms to the
 * server has been answered by the broker and written down before.
 */
export class CaptureRun {
  readonly #options: RunOptions
  readonly #life: Life
  #state: CaptureState
  #table: CapturedTable
  /** How the log writes rows; unknown until it says so. */
  #form: RowForm | undefined
  #columns: readonly string[] | undefined
  #transaction: TransactionChanges | undefined
  #bytes = 0
  #batch: Event[] = []
  /** Up to here everything has come, and up to here everything is at the broker. */
  #reached: Lsn
  #published: Lsn
  #confirmedAt: number
  readonly #ended = new AbortController()
  readonly #ahead: Set<Lsn>

  constructor(options: RunOptions) {
    const { state, table, environment, entity } = options
    this.#options = options
    this.#state = state
    this.#table = table
    this.#columns = state.columns
    this.#ahead = new Set(options.ahead)
    this.#life = { entity, sourceepoch: state.sourceepoch }
    this.#reached = state.confirmed
    this.#published = state.confirmed
    this.#confirmedAt = environment.clock.monotonic()
  }

  /** Goes on until the stream ends or something fails, and rejects with the reason. */
  async run(): Promise<never> {
    const { stream, notes } = this.#options
    const listing = this.#list().catch((error: Error) => stream.close(error))
    try {
      for (;;) await this.#take()
    } catch (error) {
      this.#ended.abort()
      notes.end(error as Error)
      throw error
    } finally {
      await listing
    }
  }

  /** Writes down what is at the broker, so that it need not be read again. */
  async confirm(): Promise<void> {
    const { store, stream, publisher, environment } = this.#options
    this.#confirmedAt = environment.clock.monotonic()
    // What the broker has of another time must be found again after a crash.
    if (this.#published <= this.#state.confirmed || this.#ahead.size > 0) return
    const confirmed = this.#published
    const state = { ...this.#state, confirmed, position: publisher.position, columns: this.#columns }
    await store.confirm(state)
    this.#state = state
    stream.confirm(confirmed)
  }

  async #take(): Promise<void> {
    const { stream, notes, environment, publisher } = this.#options
    for (const bytes of await stream.take()) {
      const message = decodeMessage(bytes)
      if (!message) continue
      const work = this.#handle(message, bytes.length)
      if (work) await work
    }
    await this.#publish()
    const isDue = environment.clock.monotonic() - this.#confirmedAt >= confirmEveryMs
    const hasPublished = publisher.position !== this.#state.position
    const hasHeartbeat = notes.takeHeartbeat()
    if (hasHeartbeat) {
      // Everything that was in the log when this stream began has come.
      if (this.#ahead.size > 0) throw restored()
      this.#options.onFlowing()
    }
    if (hasHeartbeat || (isDue && hasPublished)) await this.confirm()
  }

  #handle(message: LogMessage, bytes: number): Promise<void> | undefined {
    switch (message.kind) {
      case 'begin':
        this.#transaction = new TransactionChanges(message)
        this.#bytes = 0
        return undefined
      case 'relation':
        return message.oid === this.#table.oid ? this.#reshape(message) : undefined
      case 'insert':
      case 'update':
      case 'delete': {
        if (message.relation !== this.#table.oid) return undefined
        const transaction = this.#transaction!
        transaction.add(message, this.#form!)
        this.#bytes += bytes
        const isLarge = transaction.size >= mostKeys || this.#bytes >= mostBytes
        return isLarge && transaction.endsPart ? this.#collect(transaction) : undefined
      }
      case 'truncate':
        return message.relations.includes(this.#table.oid) ? this.#truncate(this.#transaction!) : undefined
      case 'message':
        return this.#options.notes.isOurs(message) ? this.#note(message.content) : undefined
      case 'commit':
        return this.#commit(message.end)
      case 'origin':
      case 'type':
        return undefined
    }
  }

  #commit(end: Lsn): Promise<void> | undefined {
    const transaction = this.#transaction!
    const isOver = (): void => {
      this.#transaction = undefined
      this.#reached = end
    }
    if (transaction.hasChanges) this.#ahead.delete(transaction.commit)
    if (transaction.size > 0) return this.#collect(transaction).then(isOver)
    isOver()
    return undefined
  }

  async #note(content: string): Promise<void> {
    await this.#publish()
    await this.#options.notes.arrived(content)
  }

  async #publish(): Promise<void> {
    const events = this.#batch
    this.#batch = []
    if (events.length > 0) await this.#options.publisher.publish(events)
    this.#published = this.#reached
  }

  // ------------------------------------------------------------------------------------------------ of one transaction

  async #collect(transaction: TransactionChanges): Promise<void> {
    const { commit, committedAt } = transaction
    const changes = transaction.take()
    this.#bytes = 0
    const isWhole = ({ row, form }: Change): boolean => row === undefined || form.isComplete(row)
    for (const change of changes) {
      if (isWhole(change)) this.#batch.push(changeEvent(this.#life, change, commit, committedAt))
    }
    const partial = changes.filter((change) => !isWhole(change))
    for (let start = 0; start < partial.length; start += reread) {
      const whole = await completeRows(
        { ...this.#options, table: this.#table },
        { changes: partial.slice(start, start + reread), xid: transaction.xid },
      )
      for (const change of whole) this.#batch.push(changeEvent(this.#life, change, commit, committedAt))
      await this.#publish()
    }
    if (this.#batch.length >= batchEvents) await this.#publish()
  }

  /** Publishes the end of every entity that the broker has. */
  async #truncate(transaction: TransactionChanges): Promise<void> {
    const { broker, caller, entity, publisher } = this.#options
    const part = transaction.truncate()
    await this.#publish()
    const { commit, committedAt: time } = transaction
    const { form } = this.#table
    for await (const events of latestPages({ broker, caller, topic: entity.topic })) {
      const keys = events.filter(({ event }) => !isTombstone(event)).map(({ event }) => event.key!)
      await publisher.publish(keys.map((key) => truncatedEvent(this.#life, { key, form, commit, part, time })))
    }
    // A listing has nothing left to do: what the table has from here on is in the log.
    if (this.#state.stage !== 'done') await this.#save({ stage: 'done', cursor: undefined })
  }

  async #reshape(relation: Relation): Promise<void> {
    const { tableOptions, raise } = this.#options
    const { key, name } = this.#table
    const columns = relation.columns.map((column) => column.name)
    const identity = relation.columns.filter((column) => column.identity).map((column) => column.name)
    const isKey = identity.length === key.length || identity.length === columns.length
    if (!isKey || !key.every((column) => identity.includes(column.name))) {
      throw new NewLife(`The key by which the log names the rows of ${name} has changed.`, { keepsSlot: false })
    }
    const { form, unmapped } = await formOfRelation(tableOptions, relation, key)
    const before = this.#columns
    this.#form = form
    this.#columns = columns
    if (!before) return
    const added = columns.filter((column) => !before.includes(column))
    const dropped = before.filter((column) => !columns.includes(column))
    if (added.length + dropped.length === 0) return
    const left = unmapped.length > 0 ? ` Not published, because they have no form in JSON: ${unmapped.join(', ')}.` : ''
    const message = `The columns of ${name} have changed: added ${list(added)}, dropped ${list(dropped)}. Rows are published with them when they change; relist() publishes all.${left}`
    raise({ alarm: 'columns', message, added, dropped })
    this.#table = await inspectTable(tableOptions)
  }

  // -------------------------------------------------------------------------------------------------------- the listing

  async #list(): Promise<void> {
    const { pool, environment, broker, caller, entity, publisher, notes, chunkRows } = this.#options
    const listing = new Listing({
      pool,
      environment,
      broker,
      caller,
      topic: entity.topic,
      life: this.#life,
      mostRows: chunkRows,
      signal: this.#ended.signal,
      table: () => this.#table,
      state: () => this.#state,
      atNote: (work) => notes.run(work),
      publish: (events) => publisher.publish(events),
      save: (progress) => this.#save(progress),
    })
    await listing.run()
  }

  async #save(progress: Pick<CaptureState, 'stage' | 'cursor'>): Promise<void> {
    const state = { ...this.#state, ...progress }
    await this.#options.store.list(state)
    this.#state = state
  }
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}
