import type { Environment } from '../environment/index.ts'
import type { CapturePool } from './client.ts'
import { emitNote } from './server.ts'

interface Waiting {
  readonly work: () => Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Notes that are written into the log and come back on the stream in their place among the commits: as watermarks of a
 * listing, and as heartbeats, which move a slot forward in a database where nothing else happens.
 */
export class Notes {
  readonly #pool: CapturePool
  readonly #prefix: string
  readonly #environment: Environment
  /** Notes of an earlier stream mean nothing to this one. */
  readonly #stream: string
  readonly #waiting = new Map<string, Waiting>()
  #count = 0
  #ended: Error | undefined
  #hasHeartbeat = false
  /** When the newest note that has arrived was written, on the monotonic clock. */
  heartbeatAt: number

  constructor(options: { readonly pool: CapturePool; readonly prefix: string; readonly environment: Environment }) {
    this.#pool = options.pool
    this.#prefix = options.prefix
    this.#environment = options.environment
    this.#stream = options.environment.ids.next()
    this.heartbeatAt = options.environment.clock.monotonic()
  }

  isOurs({ prefix, content }: { readonly prefix: string; readonly content: string }): boolean {
    return prefix === this.#prefix && content.startsWith(`${this.#stream} `)
  }

  /** Runs work where the stream meets a note that is written at once; rejects when the stream ends before. */
  async run(work: () => Promise<void>): Promise<void> {
    const content = `${this.#stream} ${++this.#count}`
    const done = new Promise<void>((resolve, reject) => this.#waiting.set(content, { work, resolve, reject }))
    // Whoever waits hears of it below, or by the note that could not be written.
    done.catch(() => undefined)
    if (this.#ended) throw this.#ended
    await emitNote(this.#pool, this.#prefix, content)
    await done
  }

  async beat(): Promise<void> {
    const now = this.#environment.clock.monotonic()
    await emitNote(this.#pool, this.#prefix, `${this.#stream} heartbeat ${now}`)
  }

  async arrived(content: string): Promise<void> {
    const [, kind, at] = content.split(' ')
    if (kind === 'heartbeat') {
      this.#hasHeartbeat = true
      this.heartbeatAt = Number(at)
      return
    }
    const waiting = this.#waiting.get(content)
    this.#waiting.delete(content)
    if (!waiting) return
    try {
      await waiting.work()
      waiting.resolve()
    } catch (error) {
      waiting.reject(error as Error)
      throw error
    }
  }

  /** Whether a heartbeat has arrived since the last call. */
  takeHeartbeat(): boolean {
    const has = this.#hasHeartbeat
    this.#hasHeartbeat = false
    return has
  }

  end(reason: Error): void {
    this.#ended = reason
    for (const { reject } of this.#waiting.values()) reject(reason)
    this.#waiting.clear()
  }
}
