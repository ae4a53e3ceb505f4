import { sleep, systemEnvironment, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { Backoff } from './backoff.ts'
import { messageOf, refusal, type CapturePool, type ReplicationClient } from './client.ts'
import { FollowedConnection } from './followed-connection.ts'
import { checkFollowing, ensureInsertsPublished } from './followed-tables.ts'
import { databaseError } from './session.ts'

export interface FollowCommitsOptions {
  /** A pool of `pg` on the database, for what is not replication; it stays its owner's to end. */
  readonly pool: CapturePool
  /** Makes a client of `pg` for one replication connection: `() => new Client({ connectionString, replication: 'database' })`. */
  readonly replication: () => ReplicationClient
  /** Told when commits begin to wake, and when they do not, with what helps. There is no default, so that nobody is left in the dark by accident. */
  readonly onNote: (note: FollowNote) => void
  readonly environment?: Environment
  /** Above so much log that the database keeps for it, it lets go and begins again where the log ends: 1 GiB. */
  readonly mostRetainedBytes?: number
  /** How often it looks how much that is: 10 s. */
  readonly lookMs?: number
}

export interface FollowNote {
  /** Whether commits wake at present. */
  readonly following: boolean
  readonly message: string
  readonly error?: unknown
}

/** What is to be woken by commits into which tables. */
export interface Followed {
  /** Names the publication, and the slot, after `tidings_`: lower-case letters, digits and `_`. */
  readonly name: string
  /** The tables, as SQL has them: `tidings.outbox_1`. */
  readonly tables: readonly string[]
  /** Called soon after each commit that inserted there can be seen, once for many; sometimes for none. */
  readonly wake: () => void
}

/**
 * Wakes somebody who polls tables in PostgreSQL 14 or newer as soon as something is committed into them. It is a hint and
 * nothing else: what it cannot see, and what is committed while it cannot follow, is found by polling.
 */
export interface CommitFollower {
  /** Begins; it goes on trying in the background where it cannot. Idempotent until `stop`. */
  start(followed: Followed): Promise<void>
  /** Ends; nothing is left in the database but the publication. Idempotent. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Follows the log of a database through a temporary replication slot, which goes with its connection, so that no log is kept for nobody. */
export function followCommits(options: FollowCommitsOptions): CommitFollower {
  return new LogFollower(options)
}

/** What a person has to change is looked at again less often than what may go away by itself. */
const refusedMs = 60_000

/**
 * States: stopped; following, from when the server has sent something to the end of the connection; failing, while
 * another attempt is waited for or under way. The beginning of each is told once.
 */
class LogFollower implements CommitFollower {
  readonly #options: FollowCommitsOptions
  readonly #environment: Environment
  readonly #backoff: Backoff
  #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #told = ''

  constructor(options: FollowCommitsOptions) {
    this.#options = options
    this.#environment = options.environment ?? systemEnvironment
    this.#backoff = new Backoff(this.#environment)
  }

  async start(followed: Followed): Promise<void> {
    if (!/^[a-z0-9_]{1,30}$/.test(followed.name)) {
      throw refusal(`"${followed.name}" cannot name what is followed; use 1 to 30 lower-case letters, digits and "_".`)
    }
    if (this.#loop) return
    this.#stopping = new AbortController()
    this.#told = ''
    this.#loop = this.#run(followed, this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    this.#loop = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #run(followed: Followed, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#follow(followed, signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#failed(databaseError(error), signal)
      }
    }
  }

  async #follow(followed: Followed, signal: AbortSignal): Promise<void> {
    const { pool, replication, mostRetainedBytes = 2 ** 30, lookMs = 10_000 } = this.#options
    const publication = `tidings_${followed.name}`
    await checkFollowing(pool)
    await ensureInsertsPublished(pool, { name: publication, tables: followed.tables })
    const id = this.#environment.ids.next().replaceAll(/[^a-z0-9]/g, '')
    const connection = new FollowedConnection({
      pool,
      client: replication(),
      environment: this.#environment,
      publication,
      slot: `${publication}_${id.slice(0, 20)}`,
      mostRetainedBytes,
      lookMs,
      wake: followed.wake,
      onFlowing: () => this.#flowing(followed),
    })
    await connection.run(signal)
  }

  #flowing({ wake }: Followed): void {
    this.#backoff.succeed()
    this.#told = ''
    this.#note({ following: true, message: 'Commits wake this process, through a temporary replication slot.' })
    // For what was committed before there was a slot.
    wake()
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const isRefused = error instanceof TidingsError && error.code === 'bad-request'
    const reason = messageOf(error)
    // Attempts that fail in a row differ in what a server says that is going away; what somebody has to change is told.
    if (this.#told === '' || (isRefused && this.#told !== reason)) {
      this.#told = reason
      const message = `Commits do not wake this process, which goes on finding them by polling: ${reason}`
      this.#note({ following: false, message, error })
    }
    if (isRefused) await sleep(this.#environment, refusedMs, signal)
    else await this.#backoff.pause(signal)
  }

  #note(note: FollowNote): void {
    try {
      this.#options.onNote(note)
    } catch {
      // Whoever is told must not be able to stop it by failing.
    }
  }
}
