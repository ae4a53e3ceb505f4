import type { ProducerState } from '../../broker/port/events.ts'
import type { Database, Transaction } from '../../database/index.ts'
import { ownTransaction } from '../../database/own-transaction.ts'
import { TidingsError } from '../../errors.ts'
import { rowsOf, type StoredRow } from '../batch.ts'
import { storable } from '../held.ts'
import type { Batch, Outcome, OutboxRows, ReadOptions, Refusal, Row, Settled } from '../rows.ts'
import { statements } from './statements.ts'

/** A row with its place among all that is being sent: negative for one that was held and is released. */
interface PageRow extends StoredRow {
  readonly place: number
}

interface Page {
  readonly rows: readonly PageRow[]
  /** Nothing is left of the goal behind it. */
  readonly last: boolean
}

const tables = { 1: 'tidings.outbox_1', 2: 'tidings.outbox_2' } as const

/**
 * The rows of an outbox in PostgreSQL, where transactions commit in another order than they took their ids. What is to
 * be sent is the difference of two snapshots, the method of PgQ: rows whose transactions the newer one sees and the
 * older one does not. It neither skips a transaction that commits late nor waits for one that stays open. The newer
 * snapshot, the *goal*, is committed before anything of it is sent, and rows of it are sent in the order of their ids
 * and never leave it before the relay has passed them: so the counter of a row, its place in that order, is the same
 * however often and by whomever it is read.
 *
 * Rows of a key that were written under a lock on something of it, such as its version, have ids in the order of
 * their commits; a goal never sees the later of them alone.
 */
export class PostgresRows implements OutboxRows {
  readonly #database: Database
  /** Topics of which something is being sent, as far as this process knows. */
  readonly #sending = new Set<string>()
  /** Topics whose progress has a row, as far as this process knows. */
  readonly #known = new Set<string>()

  constructor(database: Database) {
    this.#database = database
  }

  async topics(): Promise<readonly string[]> {
    const rows = await this.#database.query<{ topic: string }>(statements.topics)
    return rows.map(({ topic }) => topic)
  }

  async read(options: ReadOptions): Promise<Batch> {
    const { topic } = options
    const page = this.#sending.has(topic)
      ? await this.#page(this.#database, options)
      : await ownTransaction(this.#database, (transaction) => this.#begin(transaction, options))
    for (const topics of [this.#sending, this.#known]) {
      if (page.rows.length > 0) topics.add(topic)
      else topics.delete(topic)
    }
    const rows = rowsOf(page.rows)
    return {
      topic,
      rows,
      // Beyond the goal may be what was committed since.
      more: rows.length > 0,
      settle: async (transaction, outcome, environment) => {
        const heldAt = Math.floor(environment.clock.now())
        const { settled, finished } = await settle(transaction, { topic, page, rows, outcome, heldAt })
        if (finished) this.#sending.delete(topic)
        return settled
      },
    }
  }

  /** What it answers may be sent once the transaction is committed. */
  async #begin(transaction: Transaction, options: ReadOptions): Promise<Page> {
    const { topic, epoch } = options
    if (!this.#known.has(topic)) await transaction.query(statements.know, [topic])
    await transaction.query(statements.begin, [topic, epoch])
    return this.#page(transaction, options)
  }

  async #page(reader: Pick<Transaction, 'query'>, { topic, epoch, maxRows, maxBytes }: ReadOptions): Promise<Page> {
    const found = await reader.query<{
      counter: number
      place: number
      id: number
      key: Uint8Array | null
      event: Uint8Array
      rank: number
      found: number
      held: boolean
    }>(statements.page, [topic, epoch, maxRows, maxBytes])
    const rows = found.map(({ place, id, counter, rank, key, event, held }) => {
      return { place, id, counter: counter + rank, key, event, held }
    })
    return { rows, last: (found[0]?.found ?? 0) === rows.length }
  }

  async release(
    transaction: Transaction,
    { topic, key }: { readonly topic: string; readonly key: Uint8Array | null },
  ): Promise<number> {
    // The relay is not to hold another one of the key at the same time.
    await transaction.query(statements.lockProgress, [topic])
    return (await transaction.query(statements.release, [topic, key])).length
  }

  /** Nothing is sent that is not of a committed goal, so the rows of the goal bound what an owner can have sent. */
  async isAhead(topic: string, state: ProducerState): Promise<boolean> {
    const [owner] = await this.#database.query<{ epoch: number }>(statements.owner)
    const [reach] = await this.#database.query<{ counter: number }>(statements.reach, [topic])
    return state.epoch > (owner?.epoch ?? 0) || state.counter > (reach?.counter ?? 0)
  }

  async continueAbove(transaction: Transaction, counter: number): Promise<void> {
    await transaction.query(statements.continueAbove, [counter])
  }

  async isElsewhere(): Promise<boolean> {
    return (await this.#database.query(statements.isElsewhere)).length > 0
  }

  async continueHere(transaction: Transaction): Promise<void> {
    for (const statement of statements.continueHere) await transaction.query(statement)
    this.#sending.clear()
  }

  async oldest(): Promise<{ readonly id: number; readonly writtenAt: number } | undefined> {
    const [first] = await this.#database.query<{ id: number; written_at: number }>(statements.first)
    return first && { id: first.id, writtenAt: first.written_at }
  }

  async count(): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(statements.countPending)
    return row!.count
  }

  /**
   * Empties the table that is not written at present, once all of it is sent, and has the other one written then.
   * Nobody who writes waits for that: they use the other table, and where somebody still has this one (a transaction
   * that began long ago, a dump) it is tried again the next time.
   */
  async sweep(): Promise<void> {
    const [found] = await this.#database.query<{ number: 1 | 2; one: boolean; two: boolean }>(statements.current)
    const { number, one, two } = found!
    const other = number === 1 ? 2 : 1
    const [isUsed, otherIsUsed] = number === 1 ? [one, two] : [two, one]
    if (otherIsUsed && !(await this.#empty(tables[other]))) return
    if (isUsed) await ownTransaction(this.#database, (transaction) => transaction.query(statements.change, [other]))
  }

  /** Answers whether it was sent as a whole and nobody had it. */
  async #empty(table: string): Promise<boolean> {
    try {
      return await ownTransaction(this.#database, async (transaction) => {
        await transaction.query(statements.lockBriefly)
        await transaction.query(statements.lockTable(table))
        // Under the lock, so that nothing can be added to it between this look and its end.
        if ((await transaction.query(statements.holdsUnsent(table))).length > 0) return false
        await transaction.query(statements.empty(table))
        return true
      })
    } catch (error) {
      if (error instanceof TidingsError && error.code === 'database-busy') return false
      throw error
    }
  }
}

async function settle(
  transaction: Transaction,
  options: {
    readonly topic: string
    readonly page: Page
    readonly rows: readonly Row[]
    readonly outcome: Outcome
    readonly heldAt: number
  },
): Promise<{ readonly settled: Settled; readonly finished: boolean }> {
  const { topic, page, rows, outcome, heldAt } = options
  const end = rows.findIndex(({ id, fate }) => fate !== 'wait' && !outcome.accepted.has(id) && !outcome.refused.has(id))
  const passed = page.rows.slice(0, end < 0 ? undefined : end)
  const last = passed.at(-1)
  if (!last) return { settled: { held: [], passed: 0 }, finished: false }
  const finished = passed.length === rows.length && page.last
  // First, so that a release waits until all of this is there.
  if (finished) await transaction.query(statements.finish, [topic, last.counter])
  else await transaction.query(statements.advance, [topic, last.place, last.counter])

  const held: Refusal[] = []
  const waiting = new Map<string, Uint8Array>()
  const sent: number[] = []
  for (const { id, place, key } of passed) {
    const hold = place < 0 ? statements.holdAgain : statements.hold
    const refusal = outcome.refused.get(id)
    if (refusal) {
      held.push(refusal)
      await transaction.query(hold, [heldAt, refusal.code, storable(refusal.reason), id])
    } else if (!outcome.accepted.has(id)) {
      await transaction.query(hold, [heldAt, 'behind-refused', 'An earlier event of its key is held.', id])
      waiting.set(key!.join(), key!)
    } else if (place < 0) sent.push(id)
  }
  if (sent.length > 0) await transaction.query(statements.removeReleased, [JSON.stringify(sent)])
  for (const key of waiting.values()) await transaction.query(statements.releaseBehind, [topic, key])
  return { settled: { held, passed: passed.length }, finished }
}
