import type { Database, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import type { Environment } from '../environment/index.ts'
import { ensureOwner } from './owner.ts'
import type { OutboxRows } from './rows.ts'
import type { OutboxStatements } from './tables.ts'

/**
 * Which process relays. The newest one does: it takes ownership by adding a row with a higher epoch, and everything that
 * an owner changes it changes under the condition that its epoch is still the highest. An owner that was replaced stands
 * by; it takes over when there is something to send and the owner has shown no life for `takeoverMs` of the stand-by's
 * own monotonic clock: a pause, a jump of the wall clock or one stale read replaces nobody.
 */
export class Ownership {
  readonly #database: Database
  readonly #environment: Environment
  readonly #takeoverMs: number
  readonly #rows: OutboxRows
  readonly #statements: OutboxStatements
  #epoch: number | undefined
  #wasOwner = false
  #seen = { mark: '', at: 0 }
  #beatAt = 0

  constructor(options: {
    readonly database: Database
    readonly environment: Environment
    readonly takeoverMs: number
    readonly rows: OutboxRows
    readonly statements: OutboxStatements
  }) {
    this.#database = options.database
    this.#environment = options.environment
    this.#takeoverMs = options.takeoverMs
    this.#rows = options.rows
    this.#statements = options.statements
  }

  /** The epoch of this owner; `undefined` while it stands by. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /**
   * Takes the relay where that is due, for who does not own it. Answers whether this process has just become the owner;
   * one that was replaced is told by whatever it asks of the rows.
   */
  async settle(): Promise<boolean> {
    if (this.#epoch !== undefined) return false
    const [owner] = await this.#database.query<{ epoch: number; beat: number }>(this.#statements.owner)
    if (owner && this.#wasOwner && !(await this.#isSilent(owner))) return false
    this.#epoch = await ownTransaction(this.#database, (transaction) => this.take(transaction))
    this.#wasOwner = true
    return true
  }

  /** Adds an ownership above every one before and, where one is named, above another epoch; answers the new epoch. */
  async take(transaction: Transaction, above = 0): Promise<number> {
    const [owner] = await transaction.query<{ epoch: number }>(this.#statements.owner)
    // Epochs are times, so that those of a past that was lost with a restored database are not given out again.
    const epoch = Math.max(Math.floor(this.#environment.clock.now()), (owner?.epoch ?? 0) + 1, above + 1)
    const [present] = await transaction.query<{ epoch: number }>(this.#statements.own, [epoch])
    return present!.epoch
  }

  /** Whether this process is the newest owner, as the database has it. */
  async isPresent(): Promise<boolean> {
    const [owner] = await this.#database.query<{ epoch: number }>(this.#statements.owner)
    return owner !== undefined && owner.epoch === this.#epoch
  }

  /** Goes on with an epoch that was taken in a transaction which has been committed. */
  adopt(epoch: number): void {
    this.#epoch = epoch
  }

  lose(): void {
    this.#epoch = undefined
  }

  /** Takes ownership at once, as a process does that has just started. */
  async begin(): Promise<void> {
    this.#epoch = undefined
    this.#wasOwner = false
    await this.settle()
  }

  /** Whether this process has ever been the owner. */
  get hasBegun(): boolean {
    return this.#wasOwner
  }

  /** Rejects as `Replaced` inside a transaction unless this process still owns the relay. */
  ensure(transaction: Transaction): Promise<void> {
    return ensureOwner(transaction, { statements: this.#statements, epoch: this.#epoch })
  }

  /** Shows those who stand by that this owner lives, although what it has to send may not go out. */
  async beat(): Promise<void> {
    const now = this.#environment.clock.monotonic()
    if (this.#epoch === undefined || now - this.#beatAt < this.#takeoverMs / 3) return
    this.#beatAt = now
    await ownTransaction(this.#database, (transaction) => transaction.query(this.#statements.beat, [this.#epoch!]))
  }

  async #isSilent(owner: { readonly epoch: number; readonly beat: number }): Promise<boolean> {
    const first = await this.#rows.oldest()
    const mark = `${owner.epoch} ${owner.beat} ${first?.id}`
    const now = this.#environment.clock.monotonic()
    if (!first || mark !== this.#seen.mark) this.#seen = { mark, at: now }
    return first !== undefined && now - this.#seen.at >= this.#takeoverMs
  }
}
