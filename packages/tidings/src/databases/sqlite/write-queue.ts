import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { DatabaseTransaction } from '../../database/index.ts'
import { TidingsError } from '../../errors.ts'
import { whileBusy, type Patience } from './busy.ts'
import { sqliteCode } from './client.ts'
import type { Connection } from './connection.ts'
import { SqliteTransaction } from './transaction.ts'

type Work = (transaction: DatabaseTransaction) => unknown

interface Waiting {
  readonly work: Work
  /** The caller's async context, in which its function must run. */
  readonly scope: AsyncResource
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

interface Finished {
  readonly waiting: Waiting
  readonly value: unknown
}

interface Reading {
  readonly run: () => Promise<void>
  readonly reject: (error: unknown) => void
}

/**
 * Everything that runs on the write connection, one thing after another. The queue is in one of these states:
 *
 * - idle: nothing waits;
 * - beginning: it waits until no one else holds the connection or the file, then begins; what waits at that moment is
 *   the group;
 * - running: one transaction of the group after another, each between a savepoint and its release. One that rejects is
 *   rolled back to its savepoint and rejects at once, since nothing of it is left;
 * - committing: one commit for the whole group; all of it resolves after the commit, or rejects with it.
 *
 * Reads outside transactions run between two groups, so that they never see what is not committed. When the database
 * itself rolls a group back in the middle, what ran rejects and what had not begun goes into the next group.
 */
export class WriteQueue {
  readonly #connection: Connection
  readonly #patience: Patience
  readonly #context = new AsyncLocalStorage<SqliteTransaction>()
  #waiting: Waiting[] = []
  #reading: Reading[] = []
  #loop: Promise<void> | undefined
  #groupIsOpen = false
  /** Set after a failed fsync: what the disk holds is unknown from then on. */
  #broken: TidingsError | undefined

  constructor(connection: Connection, patience: Patience) {
    this.#connection = connection
    this.#patience = patience
  }

  /** The transaction in whose async context the caller runs, while it is running. */
  get current(): SqliteTransaction | undefined {
    const transaction = this.#context.getStore()
    return transaction?.ended === false ? transaction : undefined
  }

  get groupIsOpen(): boolean {
    return this.#groupIsOpen
  }

  transaction<Result>(work: (transaction: DatabaseTransaction) => Promise<Result> | Result): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const scope = new AsyncResource('TidingsTransaction')
      this.#waiting.push({ work, scope, resolve: resolve as (value: unknown) => void, reject })
      this.#wake()
    })
  }

  read<Result>(run: () => Result): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const reading = {
        reject,
        run: async () => {
          try {
            resolve(await whileBusy(this.#patience, run))
          } catch (error) {
            reject(error)
          }
        },
      }
      this.#reading.push(reading)
      this.#wake()
    })
  }

  /** Resolves when nothing waits and nothing runs. */
  async drained(): Promise<void> {
    while (this.#loop) await this.#loop
  }

  #wake(): void {
    // Not at once: those whom the same turn of the event loop wakes, such as every answer that came in during the commit
    // before, share the first group.
    this.#loop ??= turn().then(() => this.#run())
  }

  async #run(): Promise<void> {
    while (this.#waiting.length + this.#reading.length > 0) {
      if (await this.#connectionIsFree()) {
        for (const reading of this.#reading.splice(0)) await reading.run()
        if (this.#waiting.length > 0 && (await this.#begin())) await this.#runGroup(this.#waiting.splice(0))
      }
      // Those whom the commit has woken may ask again before the next group begins.
      if (this.#waiting.length > 0) await turn()
    }
    this.#loop = undefined
  }

  /** A transaction that somebody else began on this client must end before anything of the kit runs on it. */
  async #connectionIsFree(): Promise<boolean> {
    try {
      await whileBusy(this.#patience, () => {
        if (this.#broken) throw this.#broken
        if (!this.#connection.client.open) {
          throw new TidingsError(
            'database-failed',
            'The connection was closed under the kit; stop the database before that.',
          )
        }
        if (this.#connection.inTransaction) {
          throw new TidingsError(
            'database-busy',
            'A transaction that the kit did not begin is open on its connection; commit it or roll it back.',
          )
        }
      })
      return true
    } catch (error) {
      for (const { reject } of [...this.#reading.splice(0), ...this.#waiting.splice(0)]) reject(error)
      return false
    }
  }

  async #begin(): Promise<boolean> {
    try {
      await whileBusy(this.#patience, () => this.#connection.execute('begin immediate'))
      this.#groupIsOpen = true
      return true
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(failure(error, 'A transaction could not begin'))
      return false
    }
  }

  async #runGroup(group: readonly Waiting[]): Promise<void> {
    const finished: Finished[] = []
    let begun = 0
    try {
      while (begun < group.length) {
        await this.#runOne(group[begun++]!, finished)
        if (!this.#connection.inTransaction) {
          throw new TidingsError(
            'database-failed',
            'The database rolled back everything that was to be committed together; try again.',
          )
        }
      }
      await whileBusy(this.#patience, () => this.#connection.execute('commit'))
    } catch (error) {
      this.#rollBack(error)
      // Those that have rejected with an error of their own keep it.
      for (const { reject } of group.slice(0, begun)) reject(failure(error, 'A transaction could not be committed'))
      this.#waiting.unshift(...group.slice(begun))
      return
    } finally {
      this.#groupIsOpen = false
    }
    for (const { waiting, value } of finished) waiting.resolve(value)
  }

  /** Runs one transaction of the group; rejects only when the whole group is lost with it. */
  async #runOne(waiting: Waiting, finished: Finished[]): Promise<void> {
    const connection = this.#connection
    const transaction = new SqliteTransaction(connection, () => ensureNotRolledBack(connection))
    connection.execute('savepoint tidings_transaction')
    try {
      const value = await waiting.scope.runInAsyncScope(() => this.#context.run(transaction, waiting.work, transaction))
      finished.push({ waiting, value })
    } catch (error) {
      waiting.reject(error)
      if (connection.inTransaction) connection.execute('rollback to tidings_transaction')
    } finally {
      transaction.end()
    }
    if (connection.inTransaction) connection.execute('release tidings_transaction')
  }

  #rollBack(error: unknown): void {
    const cause = error instanceof TidingsError ? error.cause : error
    try {
      if (this.#connection.inTransaction) this.#connection.execute('rollback')
    } catch (failed) {
      this.#break(failed)
    }
    if (/^SQLITE_IOERR_(FSYNC|DIR_FSYNC)/.test(sqliteCode(cause))) this.#break(cause)
  }

  #break(cause: unknown): void {
    this.#broken = new TidingsError(
      'database-failed',
      'The disk failed in the middle of a commit and what it holds is unknown; check the disk, then start the process again.',
      { cause },
    )
  }
}

/** The next turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A failed statement can roll back everything; what ran after it would commit on its own. */
function ensureNotRolledBack(connection: Connection): void {
  if (connection.inTransaction) return
  throw new TidingsError('database-failed', 'The database rolled this transaction back; run it again from the start.')
}

/** `database-busy` and the kit's other errors as they are; anything else is the database's failure. */
function failure(error: unknown, what: string): unknown {
  if (error instanceof TidingsError) return error
  return new TidingsError('database-failed', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  })
}
