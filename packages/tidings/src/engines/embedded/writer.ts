import { TidingsError } from '../../errors.ts'
import type { Put, Store } from './store.ts'

/** A part of the engine's memory that runs ahead of the disk until its group is durable. */
export interface Participant {
  /** Adds what it wants stored; called once, when the group is closed. */
  seal(group: Group): void
  /** The group is durable. */
  committed(): void
  /** The group was not stored: undoes what memory did for it. The newest is undone first. */
  rolledBack(): void
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
  readonly result: unknown
}

/** What one transaction of the store will write, while it is being collected. */
export class Group {
  readonly #puts: Put[] = []
  readonly #participants = new Set<Participant>()
  readonly #waiting: Waiting[] = []

  put(put: Put): void {
    this.#puts.push(put)
  }

  join(participant: Participant): void {
    this.#participants.add(participant)
  }

  /** Resolves with the result once the group is durable. */
  durable<Result>(result: Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: resolve as (result: unknown) => void, reject, result })
    })
  }

  /** Closes the group: what it writes. */
  seal(): readonly Put[] {
    for (const participant of this.#participants) participant.seal(this)
    return this.#puts
  }

  resolve(): void {
    for (const participant of this.#participants) participant.committed()
    for (const { resolve, result } of this.#waiting) resolve(result)
  }

  rollBack(): void {
    for (const participant of [...this.#participants].toReversed()) participant.rolledBack()
  }

  reject(error: unknown): void {
    for (const { reject } of this.#waiting) reject(error)
  }
}

/**
 * Writes everything that the engine stores, in groups: one transaction at a time, and whatever arrives while it runs
 * goes into the next one. Memory runs ahead: a group is decided on the assumption that the one before it succeeds, and
 * falls with it.
 *
 * States: idle → (a group is asked for) collecting → (the turn of the event loop ends) flushing, while the next group
 * collects → idle. A full disk goes back to idle; any other failure ends in `failed` for good.
 */
export class Writer {
  readonly #store: Store
  readonly #onFatal: (error: Error) => void
  #collecting: Group | undefined
  #flushing: Promise<void> | undefined
  #failure: TidingsError | undefined
  #refusal: TidingsError | undefined

  constructor(store: Store, onFatal: (error: Error) => void) {
    this.#store = store
    this.#onFatal = onFatal
  }

  /** Why the last group was refused, until one succeeds; why every group is, once the store has failed. */
  get refusal(): TidingsError | undefined {
    return this.#failure ?? this.#refusal
  }

  /** The group that is being collected; it is written without further ado. */
  group(): Group {
    if (this.#failure) throw this.#failure
    if (!this.#collecting) {
      this.#collecting = new Group()
      // At the end of the turn, so that everything which this turn brings shares one transaction.
      if (!this.#flushing) setImmediate(() => this.#flush())
    }
    return this.#collecting
  }

  /** Finishes what was asked for; nothing can be asked for any more. */
  async close(): Promise<void> {
    while (this.#collecting || this.#flushing) {
      await (this.#flushing ?? new Promise((resolve) => setImmediate(resolve)))
    }
    this.#failure ??= new TidingsError('stopped', 'The engine was stopped; start it again.')
  }

  #flush(): void {
    const group = this.#collecting
    if (!group || this.#flushing) return
    this.#collecting = undefined
    this.#flushing = this.#write(group).then((error) => {
      this.#flushing = undefined
      if (error === undefined) group.resolve()
      else this.#fail(group, error)
      if (this.#collecting) this.#flush()
    })
  }

  async #write(group: Group): Promise<TidingsError | undefined> {
    try {
      const puts = group.seal()
      if (puts.length > 0) await this.#store.commit(puts)
      this.#refusal = undefined
      return undefined
    } catch (error) {
      return error instanceof TidingsError
        ? error
        : new TidingsError('store-failed', `Writing failed: ${String(error)}`, { cause: error })
    }
  }

  #fail(group: Group, error: TidingsError): void {
    const next = this.#collecting
    this.#collecting = undefined
    if (error.code === 'store-full') this.#refusal = error
    else this.#failure = error
    next?.rollBack()
    group.rollBack()
    group.reject(error)
    next?.reject(error)
    if (this.#failure) this.#onFatal(error)
  }
}
