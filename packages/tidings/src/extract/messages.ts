import { decodeMessage, type LogMessage } from '../capture/pgoutput.ts'
import type { ReplicationStream } from '../capture/stream.ts'

/** The messages of a stream, one after the other. */
export class Messages {
  readonly #stream: ReplicationStream
  #waiting: readonly Buffer[] = []
  #next = 0
  /** How large the newest one was. */
  bytes = 0

  constructor(stream: ReplicationStream) {
    this.#stream = stream
  }

  /** Whether the next one is here already. */
  get hasMore(): boolean {
    return this.#next < this.#waiting.length
  }

  /** Rejects when the stream has ended. */
  async next(): Promise<LogMessage> {
    for (;;) {
      if (!this.hasMore) {
        this.#waiting = await this.#stream.take()
        this.#next = 0
      }
      const bytes = this.#waiting[this.#next++]!
      this.bytes = bytes.length
      const message = decodeMessage(bytes)
      if (message) return message
    }
  }
}
