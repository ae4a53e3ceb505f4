import type { ProducerState } from '../../broker/port/events.ts'
import type { Database, SqlRow, Transaction } from '../../database/index.ts'
import { ownTransaction } from '../../database/own-transaction.ts'
import { TidingsError } from '../../errors.ts'
import { rowsOf, type StoredRow } from '../batch.ts'
import { storable } from '../held.ts'
import { hexList } from '../key-bytes.ts'
import { Replaced } from '../owner.ts'
import type {
  Batch,
  HeldRow,
  KeyRows,
  Next,
  NextOptions,
  Outcome,
  OutboxRows,
  Refusal,
  Row,
  VersionRow,
} from '../rows.ts'
import { statements, tables } from './statements.ts'

/** A row with its place among all that is being sent: negative for one that was held and is released. */
interface PageRow extends StoredRow {
  readonly place: number
}

interface Page {
  readonly topic: string
  readonly epoch: number
  readonly rows: readonly PageRow[]
  /** Nothing is left of the goal behind it. */
  readonly last: boolean
}

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
  /** By topic: the page behind one that the relay has passed, read while that was published. */
  #ahead = new Map<string, Promise<Page | undefined>>()

  constructor(database: Database) {
    this.#database = database
  }

  async next(options: NextOptions): Promise<Next> {
    const { epoch, topics, maxBytes } = options
    const ahead = await this.#takeAhead(options)
    const wanted = [...topics].filter(([topic]) => !ahead.has(topic))
    const found = await this.#database.execute<NextRow>(statements.next, [
      epoch,
      JSON.stringify(Object.fromEntries(wanted)),
      maxBytes,
    ])
    if (found[0]?.topic === null) return { isReplaced: true, batches: [], others: [] }
    const pages = new Map<string, NextRow[]>()
    const others: string[] = []
    for (const row of found as (NextRow & { topic: string })[]) {
      if (row.id === null) {
        if (!ahead.has(row.topic)) others.push(row.topic)
      } else if (pages.get(row.topic)?.push(row) === undefined) pages.set(row.topic, [row])
    }
    const read = [...pages].map(([topic, rows]) => pageOf({ topic, epoch, counter: rows[0]!.counter }, rows))
    return {
      isReplaced: false,
      batches: [...ahead.values(), ...read].map((page) => this.#batch(page, options)),
      others,
    }
  }

  /** The pages that are read already, of these topics. */
  async #takeAhead({ epoch, topics }: NextOptions): Promise<ReadonlyMap<string, Page>> {
    const taken = new Map<string, Page>()
    const ahead = this.#ahead
    this.#ahead = new Map()
    for (const [topic, read] of ahead) {
      const page = topics.has(topic) ? await read : undefined
      if (page?.epoch === epoch) taken.set(topic, page)
    }
    return taken
  }

  /** Reads what is behind a page; nothing where that may become another page: it is read when its turn comes. */
  async #readBehind({ topic, epoch, rows }: Page, { topics, maxBytes }: NextOptions): Promise<Page | undefined> {
    const { place, counter } = rows.at(-1)!
    const bounds = [topic, place, topics.get(topic)!, maxBytes]
    const found = await this.#database.query<FoundRow>(statements.page, bounds).catch(() => [])
    // A key may be let go meanwhile.
    if (found.length === 0 || found.some(({ held }) => held)) return undefined
    return pageOf({ topic, epoch, counter }, found)
  }

  #batch(page: Page, options: NextOptions): Batch {
    const { topic, epoch } = page
    const rows = rowsOf(page.rows)
    const behind = page.last ? undefined : this.#readBehind(page, options)
    return {
      topic,
      rows,
      // What was committed behind the goal meanwhile wakes the relay, or is found when it looks again.
      more: !page.last,
      settle: async (outcome, environment) => {
        const passing = passingOf(page, rows, outcome)
        const counter = passing.rows.at(-1)?.counter
        if (counter === undefined) return { held: [], passed: 0 }
        const place = passing.isAll ? null : passing.rows.at(-1)!.place
        const pass = [epoch, topic, place, counter]
        if (passing.rows.every((row) => row.place >= 0 && outcome.accepted.has(row.id))) {
          await passed(this.#database.execute<{ owns: boolean }>(statements.pass, pass))
          if (behind && passing.rows.length === rows.length) this.#ahead.set(topic, behind)
          return { held: [], passed: passing.rows.length }
        }
        const heldAt = Math.floor(environment.clock.now())
        const held = await ownTransaction(this.#database, async (transaction) => {
          // First, so that a release waits until all of this is there.
          await passed(transaction.query<{ owns: boolean }>(statements.pass, pass))
          return hold(transaction, { topic, rows: passing.rows, outcome, heldAt })
        })
        return { held, passed: passing.rows.length }
      },
    }
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
  }

  async oldest(): Promise<{ readonly id: number; readonly writtenAt: number } | undefined> {
    const [first] = await this.#database.query<{ id: number; written_at: number }>(statements.first)
    return first && { id: first.id, writtenAt: first.written_at }
  }

  /** Versions first: what they count is told already, or stands among what is read after them. */
  async ofKeys(transaction: Transaction, topic: string, keys: readonly Uint8Array[]): Promise<KeyRows> {
    const asked = [topic, hexList(keys)]
    const versions = await transaction.query<VersionRow>(statements.versionsOf, asked)
    const unsent = await transaction.query<KeyRows['unsent'][number] & SqlRow>(statements.unsentOf, asked)
    const held = await transaction.query<HeldRow & SqlRow>(statements.heldOf, asked)
    return { versions: versions.map((row) => ({ ...row, present: row.present === 1 })), unsent, held }
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
  async sweep(): Promise<boolean> {
    const [found] = await this.#database.query<{ number: 1 | 2; one: boolean; two: boolean }>(statements.current)
    const { number, one, two } = found!
    const other = number === 1 ? 2 : 1
    const [isUsed, otherIsUsed] = number === 1 ? [one, two] : [two, one]
    if (otherIsUsed && !(await this.#empty(tables[other]))) return false
    if (isUsed) await this.#database.execute(statements.change, [other])
    return true
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

/** A row of a page, with how many there are from its first one on. */
type FoundRow = Omit<PageRow, 'counter'> & { readonly rank: number; readonly found: number }

/** What `tidings.outbox_next` answers; nothing but the topic where it was not asked for, not even that for who owns nothing. */
type NextRow = Omit<FoundRow, 'id'> & {
  readonly topic: string | null
  readonly id: number | null
  /** Of the row before the page. */
  readonly counter: number
}

/** `counter`: of the row before it. */
function pageOf(
  { topic, epoch, counter }: { readonly topic: string; readonly epoch: number; readonly counter: number },
  found: readonly (Omit<FoundRow, 'id'> & { readonly id: number | null })[],
): Page {
  const rows = found.map(({ place, id, rank, key, event, held }) => {
    return { place, id: id!, counter: counter + rank, key, event, held }
  })
  return { topic, epoch, rows, last: found[0]!.found === rows.length }
}

/** The rows from the first one on that something has become of, and whether they are all that was being sent. */
function passingOf(
  page: Page,
  rows: readonly Row[],
  outcome: Outcome,
): { readonly rows: readonly PageRow[]; readonly isAll: boolean } {
  const end = rows.findIndex(({ id, fate }) => fate !== 'wait' && !outcome.accepted.has(id) && !outcome.refused.has(id))
  const passing = end < 0 ? page.rows : page.rows.slice(0, end)
  return { rows: passing, isAll: end < 0 && page.last }
}

async function passed(answer: Promise<{ readonly owns: boolean }[]>): Promise<void> {
  const [row] = await answer
  if (!row!.owns) throw new Replaced()
}

/** Sets rows aside that were refused, and what waits behind them; answers the former. */
async function hold(
  transaction: Transaction,
  options: {
    readonly topic: string
    readonly rows: readonly PageRow[]
    readonly outcome: Outcome
    readonly heldAt: number
  },
): Promise<readonly Refusal[]> {
  const { topic, rows, outcome, heldAt } = options
  const held: Refusal[] = []
  const waiting = new Map<string, Uint8Array>()
  const sent: number[] = []
  for (const { id, place, key } of rows) {
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
  return held
}
