import type { Environment } from '../environment/index.ts'
import type { OutboxAlarm } from './report.ts'
import type { OutboxRows } from './rows.ts'

/**
 * Looks at the age of the oldest unsent event on a timer of its own, because what it has to tell about may be a relay
 * that hangs, or runs nowhere. It tells once when the age passes the limit, and again after it was below.
 */
export class Watch {
  readonly #rows: OutboxRows
  readonly #environment: Environment
  readonly #alarmAfterMs: number
  readonly #alarm: (alarm: OutboxAlarm) => void
  #told = false
  #cancel: (() => void) | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(options: {
    readonly rows: OutboxRows
    readonly environment: Environment
    readonly alarmAfterMs: number
    readonly alarm: (alarm: OutboxAlarm) => void
  }) {
    this.#rows = options.rows
    this.#environment = options.environment
    this.#alarmAfterMs = options.alarmAfterMs
    this.#alarm = options.alarm
  }

  start(): void {
    const everyMs = Math.min(10_000, this.#alarmAfterMs / 4)
    this.#cancel = this.#environment.timers.after(everyMs, () => {
      // A database that fails here fails in the relay too, which says so.
      this.#looking = this.look().catch(() => undefined)
      this.start()
    })
  }

  async stop(): Promise<void> {
    this.#cancel?.()
    await this.#looking
  }

  async look(): Promise<void> {
    const oldestUnsentMs = await oldestUnsent(this.#rows, this.#environment)
    if (oldestUnsentMs < this.#alarmAfterMs) {
      this.#told = false
      return
    }
    if (this.#told) return
    this.#told = true
    const pending = await this.#rows.count()
    const seconds = Math.round(oldestUnsentMs / 1_000)
    const message = `${pending} events wait in the outbox, the oldest for ${seconds} s; check that the broker can be reached and that a relay runs.`
    this.#alarm({ alarm: 'unsent', message, oldestUnsentMs, pending })
  }
}

export async function oldestUnsent(rows: OutboxRows, environment: Environment): Promise<number> {
  const oldest = await rows.oldest()
  return oldest ? Math.max(0, environment.clock.now() - oldest.writtenAt) : 0
}
