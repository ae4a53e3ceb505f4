import type { Database, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import type { Build } from './build.ts'
import { Unreadable, type Change, type UnreadState } from './change.ts'
import { encodeRow } from './row-form.ts'
import { tablesOf, type BuildRow, type BuildStatements, type Deletion, type ReplicaTables } from './tables.ts'
import { Unread } from './unread.ts'

const longestBatch = 1_000

/** What this build is made of is not there any more: it was replaced, or the database was restored to an older state. */
export class BuildLost extends Error {
  override readonly name = 'BuildLost'
}

interface Waiting {
  readonly read: Change | Unreadable
  /** With what could not be read and is newer than what the copy has. */
  resolve(kept: readonly UnreadState[]): void
  reject(error: unknown): void
}

/**
 * Applies changes to one build, by version: whatever comes late, twice or in another order, the newest state stays. What
 * came during one transaction shares the next.
 */
export class Applier {
  readonly #database: Database
  readonly #build: Build
  readonly #tables: ReplicaTables
  readonly #statements: BuildStatements
  readonly #onApplied: (changes: readonly Change[]) => void
  readonly #waiting: Waiting[] = []
  #running = false
  /** What could not be read. */
  readonly unread: Unread
  /** The counter that is known to be committed. */
  counter: number
  /** Tombstones at or below this number of the topic are needed no more. */
  settledThrough = 0

  constructor(options: { database: Database; build: Build; onApplied: (changes: readonly Change[]) => void }) {
    this.#database = options.database
    this.#build = options.build
    this.#onApplied = options.onApplied
    this.#tables = tablesOf(options.database.dialect)
    this.unread = new Unread(options.database, options.build)
    this.#statements = this.#tables.buildStatements(options.build.presentTable, options.build.columns)
    this.counter = options.build.counter
  }

  /** Resolves when the change is committed. */
  async apply(change: Change): Promise<void> {
    await this.#wait(change)
  }

  /** Writes down that a state could not be read, and answers whether it is newer than what the copy has. */
  async setAside(unreadable: Unreadable): Promise<boolean> {
    const { state } = unreadable
    // Without a key it is the state of nothing, but somebody has to look at it.
    return (
      !state || (await this.#wait(unreadable)).some((kept) => kept.key === state.key && kept.version === state.version)
    )
  }

  #wait(read: Change | Unreadable): Promise<readonly UnreadState[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ read, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  /**
   * Applies a page of a listing together with the place where the listing goes on. Answers what could not be read of it
   * and is newer than what the copy has.
   */
  async applyPage(
    page: readonly (Change | Unreadable)[],
    place: { cursor: string | null; listedUntil: string | null },
  ): Promise<readonly UnreadState[]> {
    const { name, number } = this.#build
    return await this.#commit(page, (transaction) =>
      transaction.query(this.#tables.statements.keepPlace, [place.cursor, place.listedUntil, name, number]),
    )
  }

  async #run(): Promise<void> {
    this.#running = true
    // What arrives in the same turn goes together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, longestBatch)
      try {
        const kept = await this.#commit(batch.map(({ read }) => read))
        for (const { resolve } of batch) resolve(kept)
      } catch (error) {
        // One that cannot be stored must not hold up the others.
        if (batch.length === 1) batch[0]?.reject(error)
        else for (const { read, resolve, reject } of batch) await this.#commit([read]).then(resolve, reject)
      }
    }
    this.#running = false
  }

  async #commit(
    read: readonly (Change | Unreadable)[],
    also: (transaction: Transaction) => Promise<unknown> = async () => {},
  ): Promise<readonly UnreadState[]> {
    const { statements } = this.#tables
    const { name, number } = this.#build
    const changes = read.filter((each): each is Change => !(each instanceof Unreadable))
    const unreadable = read.filter((each) => each instanceof Unreadable)
    const states = unreadable.flatMap(({ state, message }) => (state ? [{ ...state, reason: message }] : []))
    const { counter, kept, more } = await ownTransaction(this.#database, async (transaction) => {
      const raised = await this.#raiseCounter(transaction)
      await transaction.query(statements.makeWritable)
      await this.#write(transaction, newestOf(changes))
      const keeping = await this.unread.keep(transaction, changes, states)
      await also(transaction)
      await transaction.runAtCommit(statements.makeReadOnly)
      await transaction.runAtCommit(statements.forgetTombstones, [name, number, this.settledThrough])
      return { counter: raised, ...keeping }
    })
    this.counter = Math.max(this.counter, counter)
    this.unread.size += more
    if (changes.length > 0) this.#onApplied(changes)
    return kept
  }

  /**
   * Every transaction that applies something raises the counter, whichever process it is of, and it does so first: those
   * of one build come one after another, so that none overlooks what another is about to commit.
   */
  async #raiseCounter(transaction: Transaction): Promise<number> {
    const known = this.counter
    const { name, number, presentTable } = this.#build
    const { raiseCounter } = this.#tables.statements
    const [row] = await transaction.query<{ counter: number }>(raiseCounter, [name, number, presentTable])
    if (row && row.counter > known) return row.counter
    throw new BuildLost(
      `Build ${number} of replica ${name} is not what it was: the database was restored, or another process of the service has replaced it.`,
    )
  }

  async #write(transaction: Transaction, changes: readonly Change[]): Promise<void> {
    const rows: BuildRow[] = []
    const deletions: Deletion[] = []
    for (const change of changes) {
      const { key, version, data } = change
      if (data) rows.push({ key, version, ...encodeRow(this.#tables, data, this.#build.columns) })
      else deletions.push(change)
    }
    const all = [
      ...(deletions.length === 0 ? [] : this.#statements.remove(deletions, this.#build)),
      ...this.#statements.upsert(rows, this.#build),
    ]
    for (const { text, values } of all) await transaction.query(text, values)
  }
}

/** The newest change of each key, which is all that is left of them. */
function newestOf(changes: readonly Change[]): readonly Change[] {
  const newest = new Map<string, Change>()
  for (const change of changes) {
    const other = newest.get(change.key)
    if (!other || change.version > other.version) newest.set(change.key, change)
  }
  return [...newest.values()]
}
