import type { AppliedChange } from 'tidings'
import type { Output } from '../output.ts'
import { visible } from '../text.ts'

const mostLines = 20

/** Shows the changes that have reached the copy, a line for each, and ends what runs when nobody reads the lines any more. */
export class ChangeLines {
  readonly #output: Output
  readonly #everyOne: boolean
  readonly #onClosed: (error: unknown) => void
  #begin: () => void = () => {}
  #written = new Promise<void>((resolve) => (this.#begin = resolve))

  constructor(output: Output, { everyOne, onClosed }: { everyOne: boolean; onClosed: (error: unknown) => void }) {
    this.#output = output
    this.#everyOne = everyOne
    this.#onClosed = onClosed
  }

  /** Before this nothing is shown, so that what is said first comes first. */
  begin(): void {
    this.#begin()
  }

  show(changes: readonly AppliedChange[]): void {
    // What was listed has no time: it was there before.
    const made = changes.filter(({ time }) => time !== undefined)
    const shown = this.#everyOne ? made : made.slice(0, mostLines)
    const now = Date.now()
    this.#written = this.#written
      .then(async () => {
        for (const change of shown) await this.#line(change, now)
        if (made.length > shown.length) await this.#output.line(`… and ${made.length - shown.length} more at once`)
      })
      .catch(this.#onClosed)
  }

  /** Resolves when everything so far is written. */
  written(): Promise<void> {
    return this.#written
  }

  async #line({ key, type, time: committedAt = '' }: AppliedChange, now: number): Promise<void> {
    const change = type.slice(type.lastIndexOf('.') + 1)
    // The clocks of two machines need not agree.
    const copiedAfterMs = Math.max(0, now - Date.parse(committedAt))
    this.#output.endProgress()
    await this.#output.show({ change, key, committedAt, copiedAfterMs }, () => {
      return `${change.padEnd(7)}  ${visible(key)}  ${this.#output.style('dim', `in the copy ${copiedAfterMs} ms after its commit`)}`
    })
  }
}
