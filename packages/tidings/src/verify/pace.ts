import { sleep, type Environment } from '../environment/index.ts'

/** A chunk should take about so long on either side, which is well below the half second that it may take. */
const wantedMs = 200
const firstRows = 5_000
const fewestRows = 500
const mostRows = 200_000

/** How many rows to ask for at once, by how long those before took, and how fast to go on. */
export class Pace {
  readonly #environment: Environment
  readonly #rowsPerSecond: number | undefined
  readonly #begunAt: number
  #passed = 0
  #rows = firstRows

  constructor(environment: Environment, rowsPerSecond: number | undefined) {
    this.#environment = environment
    this.#rowsPerSecond = rowsPerSecond
    this.#begunAt = environment.clock.monotonic()
  }

  get rows(): number {
    return Math.min(this.#rows, Math.max(1, this.#rowsPerSecond ?? mostRows))
  }

  /** Runs what works on so many rows; the next ones are fewer where it took too long, and up to twice as many otherwise. */
  async measured<Result>(rows: number, work: () => Promise<Result>): Promise<Result> {
    const { clock } = this.#environment
    const start = clock.monotonic()
    const result = await work()
    const tookMs = Math.max(1, clock.monotonic() - start)
    const fitting = (rows * wantedMs) / tookMs
    if (fitting < this.#rows || rows >= this.#rows / 2) {
      this.#rows = Math.round(Math.max(fewestRows, Math.min(mostRows, fitting, this.#rows * 2)))
    }
    return result
  }

  /** The next ones are half of what was too many; answers whether they can be fewer. */
  shrink(rows: number): boolean {
    if (rows <= fewestRows) return false
    this.#rows = Math.max(fewestRows, Math.floor(rows / 2))
    return true
  }

  /** Waits where so many more rows would be too many for the time that has passed. */
  async breathe(rows: number, signal: AbortSignal | undefined): Promise<void> {
    this.#passed += rows
    if (this.#rowsPerSecond === undefined) return
    const dueMs = (this.#passed / this.#rowsPerSecond) * 1_000
    const passedMs = this.#environment.clock.monotonic() - this.#begunAt
    if (dueMs > passedMs) await sleep(this.#environment, dueMs - passedMs, signal)
  }
}
