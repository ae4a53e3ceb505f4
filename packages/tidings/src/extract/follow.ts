import { openReplication } from '../capture/connection.ts'
import { formatLsn, type Lsn } from '../capture/lsn.ts'
import type { LogMessage } from '../capture/pgoutput.ts'
import { change, databaseError, type Session } from '../capture/session.ts'
import { ReplicationStream, silence, usualSilentMs } from '../capture/stream.ts'
import type { Environment } from '../environment/index.ts'
import { Applier } from './apply.ts'
import { actAsFollower, markPrefix } from './guard.ts'
import { Messages } from './messages.ts'
import { lockSide, type Side } from './side.ts'
import type { TablePair } from './tables.ts'

export interface FollowOptions {
  readonly source: Side
  readonly target: Side
  readonly pairs: readonly TablePair[]
  readonly environment: Environment
  /** Under which the target is guarded. */
  readonly token: string
  /** Up to where the source's log was applied. */
  readonly position: Lsn
  readonly signal: AbortSignal
  /** Changes, or a note, have come through. */
  readonly onFlowing: (applied: number) => void
}

/** Transactions of the source become one of the target while there are more of them to look at, up to so many changes. */
const batchChanges = 1_000
/** More than so many bytes are applied although there is more to look at, in the midst of a transaction too. */
const mostBytes = 8 * 1_048_576
const mostWaitingBytes = 4 * 1_048_576

/** What has come of the log and is applied in one transaction. */
interface Batch {
  readonly messages: LogMessage[]
  /** Where the newest transaction that is whole ends. */
  end: Lsn
  /** The newest mark. */
  mark: string | undefined
  /** Somebody waits for the place to be written down. */
  isDue: boolean
  changes: number
  bytes: number
  /** Of a transaction that has not been read to its end. */
  isOpen: boolean
}

/**
 * Applies the log of one side to the other until the signal aborts, the connection ends or a change is refused, and
 * rejects with the reason. Each transaction of the target has whole transactions of the source, in the order of their
 * commits, and the place up to which they go; so each change is applied once, whatever is killed.
 */
export async function follow(options: FollowOptions): Promise<never> {
  const { source, environment, position, signal } = options
  const stream = new ReplicationStream({
    slot: source.slot,
    publication: source.slot,
    from: position,
    environment,
    settings: { messages: 'true' },
    maxBytes: mostWaitingBytes,
    silentMs: usualSilentMs,
    onSilent: () => stream.close(silence(usualSilentMs)),
  })
  const client = source.replication()
  client.on('error', (error) => stream.close(error ?? new Error('The replication connection failed.')))
  client.on('end', () => stream.close(new Error('The replication connection has ended.')))
  const stop = (): void => stream.close(signal.reason as Error)
  try {
    await openReplication(client)
    signal.addEventListener('abort', stop, { once: true })
    signal.throwIfAborted()
    client.query(stream)
    return await new Follower(options, stream).run()
  } catch (error) {
    throw signal.aborted ? signal.reason : databaseError(error)
  } finally {
    signal.removeEventListener('abort', stop)
    stream.close(new Error('Nobody follows any more.'))
    await client.end().catch(() => undefined)
  }
}

class Follower {
  readonly #options: FollowOptions
  readonly #stream: ReplicationStream
  readonly #messages: Messages
  readonly #applier: Applier
  #position: Lsn

  constructor(options: FollowOptions, stream: ReplicationStream) {
    this.#options = options
    this.#stream = stream
    this.#messages = new Messages(stream)
    this.#applier = new Applier(options.pairs, options.source.role)
    this.#position = options.position
  }

  async run(): Promise<never> {
    for (;;) {
      const batch = await this.#collect()
      // To read again what has nothing for the target costs little, so that it is not written down each time.
      if (batch.messages.length > 0 || batch.isDue || batch.isOpen) await this.#apply(batch)
      this.#stream.confirm(this.#position)
      this.#options.onFlowing(batch.changes)
    }
  }

  async #collect(): Promise<Batch> {
    const batch: Batch = {
      messages: [],
      end: this.#position,
      mark: undefined,
      isDue: false,
      changes: 0,
      bytes: 0,
      isOpen: false,
    }
    for (;;) {
      this.#take(await this.#messages.next(), batch)
      const isLarge = batch.bytes >= mostBytes
      const isEnough = isLarge || batch.changes >= batchChanges || !this.#messages.hasMore
      if (batch.isOpen ? isLarge : isEnough) return batch
    }
  }

  /** Adds a message to what is to be applied. */
  #take(message: LogMessage, batch: Batch): void {
    const { source } = this.#options
    if (message.kind === 'begin') batch.isOpen = true
    else if (message.kind === 'commit') {
      batch.isOpen = false
      batch.end = message.end
    } else if (message.kind === 'message') {
      if (message.prefix !== markPrefix(source)) return
      const [kind, token] = message.content.split(' ')
      if (kind === 'mark') batch.mark = token
      batch.isDue = true
    } else if (this.#concerns(message)) {
      batch.messages.push(message)
      batch.bytes += this.#messages.bytes
      if (message.kind !== 'relation') batch.changes += 1
    }
  }

  #concerns(message: LogMessage): boolean {
    if (message.kind === 'relation') return this.#applier.has(message.oid)
    if (message.kind === 'truncate') return message.relations.some((oid) => this.#applier.has(oid))
    return 'relation' in message && this.#applier.has(message.relation)
  }

  async #apply(batch: Batch): Promise<void> {
    const { target, token } = this.#options
    const position = await change(target.pool, async (session) => {
      const row = await lockSide(session, target)
      if (row.guard !== token || row.position !== this.#position) {
        throw new Error(`Another process follows, or the ${target.role} side was opened.`)
      }
      await actAsFollower(session, target)
      await this.#applyMessages(session, batch)
      // The rest of a transaction that is larger than what is kept in memory.
      while (batch.isOpen) {
        batch.messages.length = 0
        batch.bytes = 0
        while (batch.isOpen && batch.bytes < mostBytes) this.#take(await this.#messages.next(), batch)
        await this.#applyMessages(session, batch)
      }
      await session.rows(
        `update tidings.extraction_side set position = $3, drained = coalesce($4, drained) where name = $1 and role = $2`,
        [target.name, target.role, formatLsn(batch.end), batch.mark ?? null],
      )
      return batch.end
    })
    this.#position = position
  }

  async #applyMessages(session: Session, { messages }: Batch): Promise<void> {
    for (const message of messages) {
      if (message.kind === 'relation') this.#applier.reshape(message)
      else if (message.kind === 'truncate') await this.#applier.truncate(session, message.relations)
      else if (message.kind === 'insert' || message.kind === 'update' || message.kind === 'delete') {
        await this.#applier.change(session, message)
      }
    }
    await this.#applier.flush(session)
  }
}
