import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { codeOf, messageOf, quoted, refusal, type CapturePool, type ReplicationClient } from './client.ts'
import { CommitReader } from './commit-reader.ts'
import { checkFollowing } from './followed-tables.ts'
import { parseLsn, type Lsn } from './lsn.ts'
import { connectToReplicate, explainedSlot, readSlot } from './server.ts'
import { ReplicationStream, silence, usualSilentMs } from './stream.ts'
import { VisibleCommits } from './visible-commits.ts'

export interface FollowedConnectionOptions {
  readonly pool: CapturePool
  readonly client: ReplicationClient
  readonly environment: Environment
  readonly publication: string
  /** A name that nobody else has: it is the connection's own. */
  readonly slot: string
  readonly mostRetainedBytes: number
  readonly lookMs: number
  readonly wake: () => void
  readonly onFlowing: () => void
}

/** Above so many bytes that wait to be looked at, nothing more is read from the server. */
const mostWaitingBytes = 262_144

/** How long the slot may wait for a transaction that is open; while it does, the database keeps its log for it. */
const slotWaits = '10s'

/** One replication connection with the slot that goes with it, from its opening to its end. */
export class FollowedConnection {
  readonly #options: FollowedConnectionOptions
  readonly #commits: VisibleCommits
  #stream: ReplicationStream | undefined
  #reason: Error | undefined
  #cancelLook: (() => void) | undefined

  constructor(options: FollowedConnectionOptions) {
    this.#options = options
    this.#commits = new VisibleCommits(options)
  }

  /** Follows until the connection ends or `signal` aborts, and rejects with the reason. */
  async run(signal: AbortSignal): Promise<void> {
    const { client } = this.#options
    client.on('error', (error) => this.#end(error ?? new Error('The replication connection failed.')))
    client.on('end', () => this.#end(new Error('The replication connection has ended.')))
    const onAbort = (): void => {
      this.#end(new TidingsError('stopped', 'Commits are not followed any more.'))
      // Where nothing flows yet, this is what ends the wait.
      void client.end().catch(() => undefined)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      signal.throwIfAborted()
      await this.#follow(await this.#begin())
    } catch (error) {
      throw explained(this.#reason ?? error)
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#cancelLook?.()
      this.#end(new Error('The replication connection has ended.'))
      await this.#commits.end()
      await client.end().catch(() => undefined)
    }
  }

  /** Makes the slot, which waits for the transactions that are open, and answers from where on it has everything. */
  async #begin(): Promise<Lsn> {
    const { client, slot } = this.#options
    await connectToReplicate(client)
    await client.query(`set lock_timeout to '${slotWaits}'`)
    const create = `CREATE_REPLICATION_SLOT ${quoted(slot)} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT`
    const { rows } = await client.query(create)
    return parseLsn((rows[0] as { readonly consistent_point: string }).consistent_point)
  }

  async #follow(from: Lsn): Promise<void> {
    const { client, slot, publication, environment, onFlowing } = this.#options
    const stream = new ReplicationStream({
      silentMs: usualSilentMs,
      onSilent: () => stream.close(silence(usualSilentMs)),
      slot,
      publication,
      from,
      environment,
      maxBytes: mostWaitingBytes,
      settings: { binary: 'true' },
      confirmsWhatIsRead: true,
      onFlowing,
    })
    if (this.#reason) throw this.#reason
    this.#stream = stream
    client.query(stream)
    this.#keepLooking()
    const reader = new CommitReader()
    for (;;) {
      for (const message of await stream.take()) {
        const commit = reader.read(message)
        if (!commit) continue
        this.#commits.add(commit.xid)
        stream.confirm(commit.end)
      }
    }
  }

  #end(reason: Error): void {
    this.#reason ??= reason
    this.#stream?.close(reason)
  }

  #keepLooking(): void {
    const { environment, lookMs } = this.#options
    this.#cancelLook = environment.timers.after(lookMs, () => {
      void this.#look().then(() => {
        if (!this.#reason) this.#keepLooking()
      })
    })
  }

  /**
   * A transaction that is open for long, or a reader that is slower than the writers, makes the database keep its log;
   * commits may have been set to wait for readers since; and a server that has lost this connection has no slot of it
   * any more, which is how a half-open one shows.
   */
  async #look(): Promise<void> {
    const { pool, slot, mostRetainedBytes } = this.#options
    try {
      const found = await readSlot(pool, slot)
      if (!found) this.#end(new Error('PostgreSQL has ended the replication connection.'))
      else if (found.retainedBytes > mostRetainedBytes) {
        const message = `PostgreSQL had to keep ${found.retainedBytes} bytes of its log for it (a transaction that is open for long does that), which was ended; it begins again by itself.`
        this.#end(new Error(message))
      }
      await checkFollowing(pool)
    } catch (error) {
      // A database that fails here fails for whoever polls, too, who says so.
      if (error instanceof TidingsError && error.code === 'bad-request') this.#end(error)
    }
  }
}

/** What the server said while the connection was made, with what helps. */
function explained(error: unknown): unknown {
  const message = messageOf(error)
  if (/unsupported startup parameter/.test(message)) {
    return refusal(
      `Between here and PostgreSQL is something that carries no replication (${message}), such as PgBouncer; give the address of PostgreSQL itself.`,
      error,
    )
  }
  if (codeOf(error) === '55P03') {
    const help = `look for it with "select pid, xact_start, query from pg_stat_activity where backend_xid is not null order by xact_start"`
    return new Error(`A transaction that is open for long keeps it from beginning; ${help}.`, { cause: error })
  }
  return explainedSlot(error)
}
