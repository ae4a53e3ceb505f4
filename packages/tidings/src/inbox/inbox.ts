import type { Delivery, StreamProgress } from '../broker/port/deliveries.ts'
import type { Database, SqlRow, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import type { Environment } from '../environment/index.ts'
import type { Position } from '../event/index.ts'
import { parse } from './position.ts'
import { tablesOf, type InboxTables } from './tables.ts'

const pruneEveryMs = 5_000

export interface InboxOptions {
  readonly database: Database
  readonly environment: Environment
  readonly subscription: string
  /** The database failed while rows were deleted; that is tried again. */
  readonly onTrouble: (error: unknown) => void
}

interface FloorRow extends SqlRow {
  incarnation: string
  number: number
}

/** `reached`: the highest counter before; absent where nothing can be missing, because the database is this process's own. */
interface CounterRow extends SqlRow {
  counter: number
  reached: number
}

/** A floor, and the counter at the moment when it was told. */
interface Passed {
  readonly generation: number
  readonly floor: Position
  readonly counter: number
}

/** The database was restored to an older state while it was in use: see `recover`. */
export class DatabaseWentBack extends Error {
  override readonly name = 'DatabaseWentBack'
}

/** Which deliveries of one subscription have their effect in this database. */
export class Inbox {
  readonly subscription: string
  readonly #options: InboxOptions
  readonly #tables: InboxTables
  /** The highest counter that is known to be committed; goes with each settle. */
  counter = 0
  #marking: Promise<void> | undefined
  #markingNext: Promise<void> | undefined
  #newest: Passed | undefined
  #cancelPruning: (() => void) | undefined

  private constructor(options: InboxOptions) {
    this.#options = options
    this.#tables = tablesOf(options.database.dialect)
    this.subscription = options.subscription
  }

  /** The tables must be there: see `inboxMigrations`. */
  static async open(options: InboxOptions): Promise<Inbox> {
    const inbox = new Inbox(options)
    await inbox.load()
    return inbox
  }

  async load(): Promise<void> {
    const { database, subscription } = this.#options
    const [row] = await database.query<{ counter: number }>(this.#tables.statements.counter, [subscription])
    this.counter = row?.counter ?? 0
  }

  /**
   * Whether the effect of this delivery is here already. Only a replay that is to run again has it once for each
   * generation.
   */
  async has(delivery: Delivery): Promise<boolean> {
    const { database, subscription } = this.#options
    const { source, id } = delivery.event
    const identity = [subscription, this.#tables.storedText(source), this.#tables.storedText(id)]
    const rows = await database.query<{ generation: number }>(this.#tables.statements.generations, identity)
    if (rows.some(({ generation }) => generation === delivery.generation)) return true
    // What no generation acknowledged comes without a mark after a seek: its settle was lost, or fenced by the seek.
    if (delivery.replay !== 'run' && rows.length > 0) return true
    if (delivery.replay !== 'missing') return false
    const [floor] = await database.query<FloorRow>(this.#tables.statements.floor, [subscription])
    const { incarnation, number } = parse(delivery.position)
    return floor?.incarnation === incarnation && number <= floor.number
  }

  /**
   * Whether the floor of these rows has passed this delivery, so that its row may be gone: it is a dead letter that was
   * redriven, or an echo (a frame that the network said twice, a process that slept) whose lease has ended. The broker
   * knows which.
   */
  async mayBeEcho(delivery: Delivery, reader: Pick<Transaction, 'query'> = this.#options.database): Promise<boolean> {
    const { incarnation, number } = parse(delivery.position)
    const rows = await reader.query(this.#tables.statements.passed, [
      this.subscription,
      incarnation,
      delivery.generation,
      number,
    ])
    return rows.length > 0
  }

  /**
   * Writes down, in the transaction of its effect and as the first thing in it, that a delivery is applied. Answers the
   * counter for `confirm`, or `undefined` when it was written down before: then the effect must not happen again. Of
   * transactions that do it at once one answers the counter, whatever their isolation; the others wait for its end.
   * Rejects with `DatabaseWentBack` when something is missing that was there before.
   */
  async insert(transaction: Transaction, delivery: Delivery): Promise<number | undefined> {
    const { source, id } = delivery.event
    const { incarnation, number } = parse(delivery.position)
    const { statements, storedText } = this.#tables
    const known = this.counter
    const [row] = await transaction.query<CounterRow>(statements.insert, [
      this.subscription,
      delivery.generation,
      storedText(source),
      storedText(id),
      incarnation,
      number,
      delivery.replay === 'run' ? 1 : 0,
    ])
    this.#ensureNotBehind(known, row)
    return row?.counter
  }

  /** Keeps, in the transaction of an `insert`, what a task is answered with. */
  async keepAnswer(transaction: Pick<Transaction, 'query'>, counter: number, answer: Uint8Array): Promise<void> {
    await transaction.query(this.#tables.statements.keepAnswer, [answer, counter])
  }

  /** What a task that is applied already was answered with; `undefined` where it was nothing. */
  async answer({ event }: Delivery): Promise<Uint8Array | undefined> {
    const { statements, storedText } = this.#tables
    const identity = [this.subscription, storedText(event.source), storedText(event.id)]
    const [row] = await this.#options.database.query<{ answer: Uint8Array }>(statements.answer, identity)
    return row && new Uint8Array(row.answer)
  }

  /**
   * To be awaited between the commit of an effect and the settle that tells of it: raises `counter` to one that no state
   * of the database has reached which lacks the effect. `applied` is what `insert` answered; absent where somebody else
   * applied the delivery. Effects that are committed while one call looks share the next.
   */
  async confirm(applied?: number): Promise<void> {
    if (applied !== undefined) this.counter = Math.max(this.counter, applied)
    if (applied === undefined || !this.#tables.countsInOrder) await this.#mark()
  }

  #mark(): Promise<void> {
    if (!this.#marking) {
      this.#marking = this.#markNow().finally(() => (this.#marking = undefined))
      return this.#marking
    }
    this.#markingNext ??= this.#marking
      .catch(() => undefined)
      .then(() => {
        this.#markingNext = undefined
        return this.#mark()
      })
    return this.#markingNext
  }

  async #markNow(): Promise<void> {
    const known = this.counter
    const marked = await ownTransaction(this.#options.database, async (transaction) => {
      const [row] = await transaction.query<CounterRow>(this.#tables.statements.mark, [this.subscription])
      this.#ensureNotBehind(known, row)
      return row?.counter ?? 0
    })
    this.counter = Math.max(this.counter, marked)
  }

  #ensureNotBehind(known: number, { reached = known }: Partial<CounterRow> = {}): void {
    if (reached >= known) return
    throw new DatabaseWentBack(
      `The database had reached ${known} for ${this.subscription} and stands at ${reached}: it was restored to an older state.`,
    )
  }

  // ---------------------------------------------------------------------------------------------------------- pruning

  /** Where this database stands: everything up to here is applied. `undefined` before it was ever told. */
  async floor(): Promise<Position | undefined> {
    const [row] = await this.#options.database.query<FloorRow>(this.#tables.statements.floor, [this.subscription])
    return row && `${row.incarnation}.${row.number}`
  }

  /**
   * The broker has settled everything up to the floor: rows below are needed no more, and are deleted now and then. A
   * dead letter that is redriven lowers the floor; a row written since this floor was told may belong to one, so the
   * counter of this moment goes with it.
   */
  passed({ generation, floor }: StreamProgress): void {
    this.#newest = { generation, floor, counter: this.counter }
    this.#cancelPruning ??= this.#options.environment.timers.after(pruneEveryMs, () => {
      this.#cancelPruning = undefined
      this.#prune().catch(this.#options.onTrouble)
    })
  }

  /** Deletes the rows that a floor has passed and remembers the floor, in one commit. */
  async #prune(): Promise<void> {
    const newest = this.#newest
    if (!newest) return
    const { generation, floor, counter } = newest
    const { incarnation, number } = parse(floor)
    const { keepFloor, deletePassed } = this.#tables.statements
    await ownTransaction(this.#options.database, async (transaction) => {
      const { subscription } = this
      await transaction.query(keepFloor, [subscription, incarnation, number, generation, counter])
      await transaction.query(deletePassed, [subscription, incarnation, number, counter])
    })
  }

  stop(): void {
    this.#cancelPruning?.()
    this.#cancelPruning = undefined
  }
}
