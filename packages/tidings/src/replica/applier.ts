import type { Database, Transaction } from '../database/index.ts'
import { changeBuild, raiseCounter, type Build } from './build.ts'
import { keyValues, type Change } from './change.ts'
import { encodeRow } from './row-form.ts'
import {
  buildStatements,
  forgetTombstones,
  keepTombstone,
  makeReadOnly,
  makeWritable,
  type BuildStatements,
} from './statements.ts'

const longestBatch = 1_000
const encoder = new TextEncoder()

interface Waiting {
  readonly change: Change
  resolve(): void
  reject(error: unknown): void
}

/**
 * Applies changes to one build, by version: whatever comes late, twice or in another order, the newest state stays. What
 * came during one transaction shares the next.
 */
export class Applier {
  readonly #database: Database
  readonly #build: Build
  readonly #statements: BuildStatements
  readonly #onApplied: (keys: readonly string[]) => void
  readonly #waiting: Waiting[] = []
  #running = false
  /** The counter that is known to be committed. */
  counter: number
  /** Tombstones at or below this number of the topic are needed no more. */
  settledThrough = 0

  constructor(options: { database: Database; build: Build; onApplied: (keys: readonly string[]) => void }) {
    this.#database = options.database
    this.#build = options.build
    this.#onApplied = options.onApplied
    this.#statements = buildStatements(options.database.dialect, options.build.presentTable, options.build.columns)
    this.counter = options.build.counter
  }

  /** Resolves when the change is committed. */
  apply(change: Change): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  /** Applies a page of a listing together with the place where the listing goes on. */
  async applyPage(
    changes: readonly Change[],
    place: { cursor: string | null; listedUntil: string | null },
  ): Promise<void> {
    await this.#commit(changes, (transaction) =>
      changeBuild(transaction, this.#build, { cursor: place.cursor, listed_until: place.listedUntil }),
    )
  }

  async #run(): Promise<void> {
    this.#running = true
    // What arrives in the same turn goes together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, longestBatch)
      try {
        await this.#commit(batch.map(({ change }) => change))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        // One that cannot be stored must not hold up the others.
        if (batch.length === 1) batch[0]?.reject(error)
        else for (const waiting of batch) await this.#commit([waiting.change]).then(waiting.resolve, waiting.reject)
      }
    }
    this.#running = false
  }

  async #commit(
    changes: readonly Change[],
    also: (transaction: Transaction) => Promise<void> = async () => {},
  ): Promise<void> {
    const counter = await this.#database.transaction(async (transaction) => {
      await transaction.query(makeWritable)
      for (const change of changes) await this.#applyOne(transaction, change)
      await transaction.query(makeReadOnly)
      await transaction.query(forgetTombstones, [this.#build.name, this.#build.number, this.settledThrough])
      await also(transaction)
      return await raiseCounter(transaction, this.#build)
    })
    this.counter = Math.max(this.counter, counter)
    this.#onApplied(changes.map(({ key }) => key))
  }

  async #applyOne(transaction: Transaction, { key, number, version, data }: Change): Promise<void> {
    const { name, number: build, columns } = this.#build
    const keyBytes = encoder.encode(key)
    if (!data) {
      await transaction.query(keepTombstone, [name, build, keyBytes, version, number])
      await transaction.query(this.#statements.remove, [...keyValues(key), version])
      return
    }
    const { values, encoded } = encodeRow(data, columns)
    await transaction.query(this.#statements.upsert, [...values, version, encoded, name, build, keyBytes, version])
  }
}
