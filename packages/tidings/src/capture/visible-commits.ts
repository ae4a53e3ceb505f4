import { sleep, type Environment } from '../environment/index.ts'
import type { CapturePool } from './client.ts'
import { run } from './session.ts'
import { Snapshot } from './snapshot.ts'

/** How long at least from one wake-up to the next, so that many commits in a row cost few of them. */
const betweenMs = 2
const longestLookMs = 100
/** As many as no server has at once between the log and the eyes of others. */
const mostWaiting = 10_000

/**
 * Wakes somebody once a reader of the tables can see what was committed, which is later than the commit stands in the
 * log: its session may still be on its way, or wait for a standby. Waking at once would have it look for nothing and
 * then rest. Commits that come together wake once.
 *
 * States: idle; looking, while a commit waits to be seen; ended, for good.
 */
export class VisibleCommits {
  readonly #pool: CapturePool
  readonly #environment: Environment
  readonly #wake: () => void
  readonly #ending = new AbortController()
  readonly #waiting = new Set<number>()
  #looking: Promise<void> | undefined
  #pause = new AbortController()

  constructor(options: { readonly pool: CapturePool; readonly environment: Environment; readonly wake: () => void }) {
    this.#pool = options.pool
    this.#environment = options.environment
    this.#wake = options.wake
  }

  /** A transaction with this number has been committed, as the log has it. */
  add(xid: number): void {
    // A pool that lends no connection is not to cost memory; the newest one is seen after most that came before it.
    if (this.#waiting.size >= mostWaiting) this.#waiting.clear()
    this.#waiting.add(xid)
    this.#pause.abort()
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
  }

  async end(): Promise<void> {
    this.#ending.abort()
    this.#pause.abort()
    await this.#looking
  }

  async #look(): Promise<void> {
    let pauseMs = 1
    while (this.#waiting.size > 0 && !this.#ending.signal.aborted) {
      if (await this.#seen()) {
        pauseMs = 1
        this.#wake()
        await sleep(this.#environment, betweenMs, this.#ending.signal)
      } else {
        this.#pause = new AbortController()
        await sleep(this.#environment, pauseMs, this.#pause.signal)
        pauseMs = Math.min(longestLookMs, pauseMs * 2)
      }
    }
  }

  /** Forgets the commits that a reader sees, and answers whether there was one. */
  async #seen(): Promise<boolean> {
    let snapshot: Snapshot
    try {
      const [row] = await run(this.#pool, 'select pg_current_snapshot()')
      snapshot = new Snapshot(row![0]!)
    } catch {
      // A database that fails here fails for whoever is woken, too; nothing is to be kept for it.
      this.#waiting.clear()
      return true
    }
    const seen = [...this.#waiting].filter((xid) => snapshot.sees(xid))
    for (const xid of seen) this.#waiting.delete(xid)
    return seen.length > 0
  }
}
