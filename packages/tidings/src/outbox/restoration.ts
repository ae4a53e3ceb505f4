import type { Database } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import type { Environment } from '../environment/index.ts'
import { Backoff } from './backoff.ts'
import type { OutboxAlarm } from './report.ts'
import type { OutboxStatements } from './tables.ts'

/**
 * Has everything published again after the database, or the broker's store, was restored. That it is due stands in the
 * database, so that a restart goes on with it. It runs beside the rounds of the relay, which publishes meanwhile what it writes.
 */
export class Restoration {
  readonly #database: Database
  readonly #statements: OutboxStatements
  readonly #onRestored: (() => Promise<void>) | undefined
  readonly #alarm: (alarm: OutboxAlarm) => void
  readonly #backoff: Backoff
  #mayBeDue = true
  #running: Promise<void> | undefined

  constructor(options: {
    readonly database: Database
    readonly statements: OutboxStatements
    readonly environment: Environment
    readonly alarm: (alarm: OutboxAlarm) => void
    readonly onRestored: (() => Promise<void>) | undefined
  }) {
    this.#database = options.database
    this.#statements = options.statements
    this.#onRestored = options.onRestored
    this.#alarm = options.alarm
    this.#backoff = new Backoff(options.environment)
  }

  /** The next call of `list` looks into the database. */
  mayBeDue(): void {
    this.#mayBeDue = true
  }

  /** Begins the listing where it is due and does not run; resolves without waiting for its end. */
  async list(): Promise<void> {
    if (!this.#mayBeDue || this.#running || this.#backoff.waitMs > 0) return
    const { sourceepoch, listed } = await readSource(this.#database, this.#statements)
    this.#mayBeDue = listed < sourceepoch
    if (!this.#mayBeDue) return
    if (this.#backoff.failures === 0) {
      const message =
        'The database or the store of the broker was restored to an older state; every entity has to be published again.'
      this.#alarm({ alarm: 'restored', message, sourceepoch })
    }
    if (!this.#onRestored) {
      this.#mayBeDue = false
      return
    }
    this.#running = this.#run(this.#onRestored, sourceepoch).finally(() => {
      this.#running = undefined
    })
  }

  /** Resolves when no listing runs. */
  async ended(): Promise<void> {
    await this.#running
  }

  async #run(onRestored: () => Promise<void>, sourceepoch: number): Promise<void> {
    try {
      await onRestored()
      await ownTransaction(this.#database, (transaction) =>
        transaction.query(this.#statements.markListed, [sourceepoch, sourceepoch]),
      )
      this.#backoff.succeed()
    } catch (error) {
      this.#backoff.fail()
      const message = `Publishing everything again failed and will be tried again: ${error instanceof Error ? error.message : String(error)}`
      this.#alarm({ alarm: 'listing-failed', message, error })
    }
  }
}

export async function readSource(
  database: Database,
  statements: OutboxStatements,
): Promise<{ sourceepoch: number; listed: number }> {
  const [row] = await database.query<{ sourceepoch: number; listed: number }>(statements.source)
  return row!
}
