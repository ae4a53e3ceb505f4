import type { Broker, Caller, Delivery, StreamProgress, SubscriptionDescription } from '../broker/port.ts'
import type { Database, SqlRow, SqlValue, Transaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Position } from '../event/index.ts'
import { inboxMigrations } from './migrations.ts'

const pruneEveryMs = 5_000

const findGenerations = 'select generation from tidings_inbox where subscription = ? and source = ? and id = ?'
const insertRow = `
  insert into tidings_inbox (subscription, generation, source, id, incarnation, number) values (?, ?, ?, ?, ?, ?)
  on conflict do nothing
  returning counter`
const deletePassed =
  'delete from tidings_inbox where subscription = ? and incarnation = ? and number <= ? and counter <= ?'
const raiseFloor = `
  insert into tidings_inbox_floors (subscription, incarnation, number) values (?, ?, ?)
  on conflict (subscription) do update set incarnation = excluded.incarnation, number = excluded.number
  where excluded.incarnation <> incarnation or excluded.number > number`
const findFloor = 'select incarnation, number from tidings_inbox_floors where subscription = ?'
const readCounter = `select seq from sqlite_sequence where name = 'tidings_inbox'`

/** The counter of a service's database and the inboxes of its subscriptions. */
export class Inboxes {
  readonly #database: Database
  /** The highest counter that is known to be committed; goes with each settle. */
  counter = 0

  constructor(database: Database) {
    this.#database = database
  }

  async start(): Promise<void> {
    await this.#database.migrate(inboxMigrations)
    const [row] = await this.#database.query<{ seq: number }>(readCounter)
    this.counter = row?.seq ?? 0
  }

  async open(options: Omit<InboxOptions, 'database' | 'inboxes'>): Promise<Inbox> {
    const inbox = new Inbox({ ...options, database: this.#database, inboxes: this })
    await inbox.learnStart()
    return inbox
  }

  /**
   * Looks for subscriptions of which the broker has seen more of this database than the database has: it was restored
   * to an older state. They go back to where the restored database stands, and what it lost is delivered again. Answers
   * which ones did.
   */
  async recover(
    broker: Broker,
    caller: Caller,
    subscriptions: readonly { readonly description: SubscriptionDescription; readonly from: string }[],
  ): Promise<readonly Recovery[]> {
    const ahead = subscriptions.filter(({ description }) => description.watermark > this.counter)
    const recoveries: Recovery[] = []
    for (const { description, from } of ahead) {
      recoveries.push(await this.#goBack(broker, caller, description.subscription, from))
    }
    // Last, so that a crash before this line repeats all of it.
    if (ahead.length > 0) await this.#raiseCounter(Math.max(...ahead.map(({ description }) => description.watermark)))
    return recoveries
  }

  async #goBack(broker: Broker, caller: Caller, subscription: string, from: string): Promise<Recovery> {
    const [floor] = await this.#database.query<FloorRow>(findFloor, [subscription])
    // Without a floor this database is older than the subscription: only one that wants everything can go back.
    if (!floor && from !== 'beginning') return { subscription, to: undefined }
    const to = floor ? `${floor.incarnation}.${floor.number}` : 'beginning'
    const { generation } = await broker
      .seek(caller, { subscription, to, effects: 'missing' })
      .catch(async (error: unknown) => {
        if (!(error instanceof TidingsError) || error.code !== 'position-unknown') throw error
        return await broker.seek(caller, { subscription, to: 'beginning', effects: 'missing' })
      })
    // Whatever this database applied in an earlier generation counts in this one, acknowledged or not.
    await this.#database.transaction(async (transaction) => {
      await transaction.query('update or ignore tidings_inbox set generation = ? where subscription = ?', [
        generation,
        subscription,
      ])
    })
    return { subscription, to }
  }

  async #raiseCounter(counter: number): Promise<void> {
    await this.#database.transaction(async (transaction) => {
      await transaction.query(
        `insert into tidings_inbox (counter, subscription, generation, source, id, incarnation, number)
         values (?, '', 0, '', '', '', 0)`,
        [counter],
      )
      await transaction.query('delete from tidings_inbox where counter = ?', [counter])
    })
    this.counter = counter
  }
}

export interface Recovery {
  readonly subscription: string
  /** Where it went back to; `undefined` where this database cannot say. */
  readonly to: Position | 'beginning' | undefined
}

interface FloorRow extends SqlRow {
  incarnation: string
  number: number
}

export interface InboxOptions {
  readonly database: Database
  readonly inboxes: Inboxes
  readonly environment: Environment
  readonly subscription: string
  /** The subscription's floor when this inbox opens. */
  readonly floor: Position
  readonly onTrouble: (error: unknown) => void
}

/** Which deliveries of one subscription have their effect in this database. */
export class Inbox {
  readonly #options: InboxOptions
  #passed: { readonly floor: Position; readonly counter: number } | undefined
  #cancelPruning: (() => void) | undefined

  constructor(options: InboxOptions) {
    this.#options = options
  }

  /** A subscription begins somewhere: what lies before that is not for this database to apply, also after a restore. */
  async learnStart(): Promise<void> {
    const { database, subscription, floor } = this.#options
    const [known] = await database.query<FloorRow>(findFloor, [subscription])
    if (known) return
    const { incarnation, number } = parse(floor)
    await database.transaction((transaction) => transaction.query(raiseFloor, [subscription, incarnation, number]))
  }

  /** Whether the effect of this delivery is here already. */
  async has(delivery: Delivery): Promise<boolean> {
    const { database, subscription } = this.#options
    const { source, id } = delivery.event
    const rows = await database.query<{ generation: number }>(findGenerations, [
      subscription,
      storedText(source),
      storedText(id),
    ])
    if (rows.some(({ generation }) => generation === delivery.generation)) return true
    if (delivery.replay !== 'missing') return false
    if (rows.length > 0) return true
    const [floor] = await database.query<FloorRow>(findFloor, [subscription])
    const { incarnation, number } = parse(delivery.position)
    return floor?.incarnation === incarnation && number <= floor.number
  }

  /**
   * Writes down, in the transaction of its effect, that a delivery is applied. Answers the counter for `committed`, or
   * `undefined` when it was written down before: then the effect must not happen again.
   */
  async insert(transaction: Transaction, delivery: Delivery): Promise<number | undefined> {
    const { subscription } = this.#options
    const { source, id } = delivery.event
    const { incarnation, number } = parse(delivery.position)
    const [row] = await transaction.query<{ counter: number }>(insertRow, [
      subscription,
      delivery.generation,
      storedText(source),
      storedText(id),
      incarnation,
      number,
    ])
    return row?.counter
  }

  /** The transaction of an `insert` is committed. */
  committed(counter: number): void {
    this.#options.inboxes.counter = Math.max(this.#options.inboxes.counter, counter)
  }

  // ---------------------------------------------------------------------------------------------------------- pruning

  /**
   * The broker has settled everything up to the floor: rows below are needed no more, and are deleted now and then. A
   * dead letter that is redriven lowers the floor; a row written since this floor was told may belong to one, so the
   * counter of this moment goes with it.
   */
  passed(progress: StreamProgress): void {
    this.#passed = { floor: progress.floor, counter: this.#options.inboxes.counter }
    this.#cancelPruning ??= this.#options.environment.timers.after(pruneEveryMs, () => {
      this.#cancelPruning = undefined
      this.prune().catch(this.#options.onTrouble)
    })
  }

  /** Deletes the rows that the floor has passed and remembers the floor, in one commit. */
  async prune(): Promise<void> {
    const { database, subscription } = this.#options
    const passed = this.#passed
    if (!passed) return
    this.#passed = undefined
    const { incarnation, number } = parse(passed.floor)
    await database.transaction(async (transaction) => {
      await transaction.query(raiseFloor, [subscription, incarnation, number])
      await transaction.query(deletePassed, [subscription, incarnation, number, passed.counter])
    })
  }

  stop(): void {
    this.#cancelPruning?.()
    this.#cancelPruning = undefined
  }
}

function parse(position: Position): { incarnation: string; number: number } {
  const [incarnation = '', number = '0'] = position.split('.')
  return { incarnation, number: Number(number) }
}

function storedText(text: string): SqlValue {
  return text.includes('\0') ? new TextEncoder().encode(text) : text
}
