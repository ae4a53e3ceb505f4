import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { CompareOptions, Progress } from 'tidings/verify'

const everyMs = 1_000

/** How far a comparison has come, in a file, so that one that was interrupted goes on. */
export class KeptPlace {
  readonly #file: string | undefined
  #keptAt = 0

  constructor(file: string | undefined) {
    this.#file = file
  }

  given(): Pick<CompareOptions, 'resume'> {
    return this.#file !== undefined && existsSync(this.#file) ? { resume: readFileSync(this.#file, 'utf8') } : {}
  }

  keep(progress: Progress): void {
    if (this.#file === undefined || Date.now() - this.#keptAt < everyMs) return
    this.#keptAt = Date.now()
    // A file that is there is whole.
    writeFileSync(`${this.#file}.new`, progress.place())
    renameSync(`${this.#file}.new`, this.#file)
  }

  remove(): void {
    if (this.#file !== undefined) rmSync(this.#file, { force: true })
  }
}
