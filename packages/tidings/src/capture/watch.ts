import type { Environment } from '../environment/index.ts'
import type { CapturePool } from './client.ts'
import type { Raise } from './report.ts'
import { readSlot, type Slot } from './server.ts'

export interface WatchOptions {
  readonly pool: CapturePool
  readonly environment: Environment
  readonly slot: string
  readonly everyMs: number
  readonly alarmAboveBytes: number
  readonly alarmAfterMs: number
  readonly raise: Raise
  /** When the newest note was written that has come through. */
  readonly heartbeatAt: () => number
  /** Called at every look, before the slot is looked at; what it throws is no affair of the watch. */
  readonly look: () => Promise<void>
}

/**
 * Looks at the slot on a timer of its own, because what it has to tell about may be a capture that hangs or does not get
 * a connection. It tells once when a limit is passed, and again after it was kept.
 */
export class Watch {
  readonly #options: WatchOptions
  #toldRetained = false
  #toldBehind = false
  #cancel: (() => void) | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  start(): void {
    const { environment, everyMs } = this.#options
    this.#cancel = environment.timers.after(everyMs, () => {
      this.#looking = this.#look().then(() => {
        if (this.#cancel) this.start()
      })
    })
  }

  async stop(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    await this.#looking
  }

  get behindMs(): number {
    return Math.max(0, Math.floor(this.#options.environment.clock.monotonic() - this.#options.heartbeatAt()))
  }

  async #look(): Promise<void> {
    const { pool, slot, look } = this.#options
    // A database that fails here fails under the capture too, which says so.
    await look().catch(() => undefined)
    const found = await readSlot(pool, slot).catch(() => undefined)
    if (found) this.#checkRetained(found)
    this.#checkBehind()
  }

  #checkRetained({ retainedBytes }: Slot): void {
    const { alarmAboveBytes, slot, raise } = this.#options
    const isTooMuch = retainedBytes > alarmAboveBytes
    if (isTooMuch && !this.#toldRetained) {
      const message = `PostgreSQL keeps ${retainedBytes} bytes of its log for the replication slot ${slot}; check that the broker takes changes, and what keeps the slot behind (a transaction that is open for long does).`
      raise({ alarm: 'retained', message, retainedBytes })
    }
    this.#toldRetained = isTooMuch
  }

  #checkBehind(): void {
    const { alarmAfterMs, raise } = this.#options
    const { behindMs } = this
    const isLate = behindMs > alarmAfterMs
    if (isLate && !this.#toldBehind) {
      const message = `No change has come through for ${Math.round(behindMs / 1_000)} s; check that PostgreSQL and the broker can be reached.`
      raise({ alarm: 'behind', message, behindMs })
    }
    this.#toldBehind = isLate
  }
}
