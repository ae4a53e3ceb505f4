import { refusal } from '../capture/client.ts'
import { systemEnvironment, type Environment } from '../environment/index.ts'
import { begin, checkSame } from './begin.ts'
import { compareSides, type CompareSidesOptions, type TableComparison } from './compare-sides.ts'
import { runFollower, type FollowerProgress } from './follower.ts'
import type { ExtractionNotice, Parts } from './parts.ts'
import { abandon, finish } from './remove.ts'
import { returnWriters } from './return.ts'
import { sideOf, type Place } from './side.ts'
import { states, type Action } from './states.ts'
import { statusOf, type ExtractionStatus } from './status.ts'
import { ExtractionStore, type ExtractionState, type TableNames } from './store.ts'
import { switchWriters, type Limits, type Switched } from './switch.ts'

export interface ExtractionOptions {
  /** Names the extraction, and in PostgreSQL its slots and publications: lower-case letters, digits and `_`. */
  readonly name: string
  /** The database that others share. */
  readonly old: Place
  /** The one of the service that takes the tables over; its pool has room for 8 connections. */
  readonly new: Place
  readonly environment?: Environment
  /** Told what a person should know. There is no default, so that nobody is left in the dark by accident. */
  readonly onNotice: (notice: ExtractionNotice) => void
}

/**
 * Takes tables out of a database that others share, into one of their own, with the way back open until it is finished.
 * Every call looks where the extraction stands and refuses as `bad-request` what that does not allow; each may be killed
 * at any time and called again, by another process too. The states are in `states.ts`.
 */
export interface Extraction {
  /** Begins it with these tables, or refuses what would be in the way; begun already, with the same tables, it changes nothing. */
  begin(tables: readonly TableNames[]): Promise<void>
  /** Where it stands; `undefined` where there is none. */
  status(): Promise<ExtractionStatus | undefined>
  /** Fills and follows, in whichever direction the state says, until the signal aborts or the extraction ends. */
  follow(options: { readonly signal: AbortSignal; onProgress?(progress: FollowerProgress): void }): Promise<void>
  /** Compares both sides while one is written and the other follows. */
  compare(options: CompareSidesOptions): Promise<readonly TableComparison[]>
  /**
   * Stops the writers of the old tables, waits until the new ones have everything, and opens those. What is not done in
   * time, is interrupted or fails before that is decided leaves everything as it was. Refused before `compare` has found
   * both sides equal, unless `uncompared`.
   */
  switchWriters(options: Limits & { readonly uncompared?: boolean }): Promise<Switched>
  /** The same the other way. */
  returnWriters(options: Limits): Promise<Switched>
  /** Ends it after a switch, once the old tables have everything, or as they are. They stay, and go on refusing writes. */
  finish(options: Limits & { readonly asItIs?: boolean }): Promise<void>
  /** Ends it before a switch, and takes everything back. */
  abandon(): Promise<void>
}

export function createExtraction(options: ExtractionOptions): Extraction {
  const { name, environment = systemEnvironment, onNotice } = options
  if (!/^[a-z0-9_]{1,40}$/.test(name)) {
    throw refusal(`"${name}" cannot name an extraction; use 1 to 40 lower-case letters, digits and "_".`)
  }
  const sides = { old: sideOf(options.old, { role: 'old', name }), new: sideOf(options.new, { role: 'new', name }) }
  const store = new ExtractionStore(sides.new)
  return new TableExtraction({
    sides,
    store,
    environment,
    notice: (level, message) => onNotice({ level, message }),
  })
}

class TableExtraction implements Extraction {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async begin(tables: readonly TableNames[]): Promise<void> {
    if (tables.length === 0) throw refusal('Name the tables to take out.')
    await begin(this.#parts, tables)
  }

  status(): Promise<ExtractionStatus | undefined> {
    return statusOf(this.#parts)
  }

  async follow(options: { signal: AbortSignal; onProgress?: (progress: FollowerProgress) => void }): Promise<void> {
    await this.#allowed('follow')
    const letGo = this.#parts.environment.timers.keepAlive?.()
    try {
      await runFollower({ ...this.#parts, ...options })
    } finally {
      letGo?.()
    }
  }

  async compare(options: CompareSidesOptions): Promise<readonly TableComparison[]> {
    const state = await this.#allowed('compare')
    return this.#whileFollowed(() => compareSides(this.#parts, state, options))
  }

  async switchWriters({ uncompared = false, ...limits }: Limits & { uncompared?: boolean }): Promise<Switched> {
    const { comparedAt } = await this.#allowed('switch')
    if (comparedAt === undefined && !uncompared) {
      throw refusal(
        'Both sides were not found equal yet; "compare" them first, or say with --uncompared that you do without.',
      )
    }
    return this.#whileFollowed(() => switchWriters(this.#parts, limits))
  }

  async returnWriters(limits: Limits): Promise<Switched> {
    await this.#allowed('back')
    return this.#whileFollowed(() => returnWriters(this.#parts, limits))
  }

  async finish({ asItIs = false, ...limits }: Limits & { asItIs?: boolean }): Promise<void> {
    await this.#allowed('finish')
    await this.#whileFollowed(() => finish(this.#parts, { ...limits, asItIs }))
  }

  async abandon(): Promise<void> {
    await this.#allowed('abandon')
    await abandon(this.#parts)
  }

  /** Where it stands, if that allows the action. */
  async #allowed(action: Action): Promise<ExtractionState> {
    const state = await this.#parts.store.load()
    const { name } = this.#parts.sides.new
    if (!state) throw refusal(`There is no extraction ${name} in the new database; "start" begins one.`)
    const { allows, holds, next } = states[state.state]
    if (!allows.includes(action)) {
      throw refusal(
        `The extraction ${name} is ${state.state}, in which "${action}" is not possible; next comes "${next}". ${holds}`,
      )
    }
    // What is being removed may be gone in part.
    if (action !== 'finish' && action !== 'abandon') await checkSame(this.#parts)
    return state
  }

  /** Follows meanwhile, unless another process does already. */
  async #whileFollowed<Result>(work: () => Promise<Result>): Promise<Result> {
    const ending = new AbortController()
    const letGo = this.#parts.environment.timers.keepAlive?.()
    const following = runFollower({ ...this.#parts, signal: ending.signal })
    try {
      return await work()
    } finally {
      ending.abort(new Error('It is done.'))
      await following
      letGo?.()
    }
  }
}
