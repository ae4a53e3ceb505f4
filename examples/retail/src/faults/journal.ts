import type { Screen } from '../report/screen.ts'

/** The clock of a run, and a line for each fault that happened in it. */
export class Journal {
  readonly #screen: Screen
  readonly #startedAt = performance.now()

  constructor(screen: Screen) {
    this.#screen = screen
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }

  fault(name: string, consequence: string): void {
    const at = Math.floor(this.seconds).toString().padStart(2, '0')
    this.#screen.line(`  ${at} s  ✖ ${name.padEnd(34)} ${consequence}`)
  }

  progress(done: number, total: number): void {
    this.#screen.progress({ done, total, seconds: this.seconds, unit: 'orders' })
  }
}
