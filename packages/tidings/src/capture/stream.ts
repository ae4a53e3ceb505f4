import type { Environment } from '../environment/index.ts'
import { literal, quoted, type ReplicationConnection, type ReplicationFlow } from './client.ts'
import { formatLsn, type Lsn } from './lsn.ts'
import { decodeFrame, encodeStatus } from './replication-protocol.ts'

export interface StreamOptions {
  readonly slot: string
  readonly publication: string
  /** Only what is committed from here on comes. */
  readonly from: Lsn
  readonly environment: Environment
  /** Above so many bytes that nobody has taken, nothing more is read. */
  readonly maxBytes: number
  /** Called when the server has said nothing for so long, although it is asked every few seconds. */
  readonly silentMs: number
  readonly onSilent: () => void
  /** Of the plugin, beside its version and the publication. */
  readonly settings: Readonly<Record<string, string>>
  /** Nothing has to be kept elsewhere: wherever the server has read to is confirmed, which it says where it has nothing to send. */
  readonly confirmsWhatIsRead?: true
  /** Called when the first thing has come. */
  readonly onFlowing?: () => void
}

/** Why a connection is given up that has said nothing for so long. */
/** How long a connection may say nothing: what PostgreSQL's own subscribers allow. */
export const usualSilentMs = 60_000

export function silence(silentMs: number): Error {
  return new Error(`PostgreSQL has said nothing on the replication connection for ${silentMs / 1_000} s.`)
}

/** The server ends a connection on which it has heard nothing for `wal_sender_timeout`, 60 s unless it is set. */
const statusEveryMs = 5_000

/**
 * The messages of a replication slot as they come, given to a client of `pg` as a query. States: before the server's
 * first answer; flowing; paused, while more than `maxBytes` wait to be taken (the server then keeps what follows in its
 * log); ended, by an error or by `close`, and for good. Whatever the state, the server is told every few seconds up to
 * where everything is kept elsewhere, and answers to its questions do not wait for whoever takes the messages. It answers
 * each time, so that a connection of which the other end is gone without a word is noticed, unless nothing is read.
 */
export class ReplicationStream implements ReplicationFlow {
  readonly #options: StreamOptions
  #connection: ReplicationConnection | undefined
  #confirmed: Lsn
  #messages: Buffer[] = []
  #bytes = 0
  #paused = false
  #ended: Error | undefined
  #wake: (() => void) | undefined
  #cancelStatus: (() => void) | undefined
  #heardAt = 0
  #onFlowing: (() => void) | undefined

  constructor(options: StreamOptions) {
    this.#options = options
    this.#onFlowing = options.onFlowing
    this.#confirmed = options.from
  }

  /** Everything that has come since the last call, at least one message; rejects when the stream has ended. */
  async take(): Promise<readonly Buffer[]> {
    while (this.#messages.length === 0 && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve))
    if (this.#ended) throw this.#ended
    const messages = this.#messages
    this.#messages = []
    this.#bytes = 0
    if (this.#paused) {
      this.#connection?.stream.resume()
      this.#heard()
    }
    this.#paused = false
    return messages
  }

  /** Everything that was committed before this place is kept elsewhere. */
  confirm(lsn: Lsn): void {
    if (lsn <= this.#confirmed) return
    this.#confirmed = lsn
    this.#sendStatus()
  }

  close(reason: Error): void {
    this.#end(reason)
    this.#connection?.stream.destroy()
  }

  // ------------------------------------------------------------------------------------------ called by the client of pg

  submit(connection: unknown): void {
    const { slot, publication, from, settings } = this.#options
    this.#connection = connection as ReplicationConnection
    const options = { proto_version: '1', publication_names: quoted(publication), ...settings }
    const list = Object.entries(options).map(([name, value]) => `${name} ${literal(value)}`)
    this.#connection.query(`START_REPLICATION SLOT ${quoted(slot)} LOGICAL ${formatLsn(from)} (${list.join(', ')})`)
    this.#heard()
    this.#keepSendingStatus()
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#heard()
    const frame = decodeFrame(chunk)
    this.#onFlowing?.()
    this.#onFlowing = undefined
    if (frame?.kind === 'keep-alive') {
      if (this.#options.confirmsWhatIsRead && frame.read > this.#confirmed) this.#confirmed = frame.read
      if (frame.answerAtOnce) this.#sendStatus()
      return
    }
    if (!frame || this.#ended) return
    // The client of pg uses the memory of a chunk again.
    this.#messages.push(Buffer.from(frame.message))
    this.#bytes += frame.message.length
    if (this.#bytes >= this.#options.maxBytes && !this.#paused) {
      this.#paused = true
      this.#connection?.stream.pause()
    }
    this.#wakeUp()
  }

  handleCommandComplete(): void {
    this.#end(new Error('The server ended the replication stream.'))
  }

  handleReadyForQuery(): void {
    this.#end(new Error('The server ended the replication stream.'))
  }

  handleError(error: Error): void {
    this.#end(error)
  }

  // ------------------------------------------------------------------------------------------------------------- inside

  #end(reason: Error): void {
    this.#ended ??= reason
    this.#cancelStatus?.()
    this.#wakeUp()
  }

  #wakeUp(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #keepSendingStatus(): void {
    this.#cancelStatus = this.#options.environment.timers.after(statusEveryMs, () => {
      const { environment, silentMs, onSilent } = this.#options
      if (!this.#paused && environment.clock.monotonic() - this.#heardAt >= silentMs) return onSilent()
      this.#sendStatus()
      this.#keepSendingStatus()
    })
  }

  #heard(): void {
    this.#heardAt = this.#options.environment.clock.monotonic()
  }

  #sendStatus(): void {
    if (this.#ended) return
    this.#connection?.sendCopyFromChunk(encodeStatus(this.#confirmed, this.#options.environment.clock.now()))
  }
}
