import type { Entry } from './entry.ts'
import { asideRanges, offsetOf } from './index.ts'
import type { Bench } from './machine.fixture.ts'

/** What operators put in the place of dead letters, as a plain model sees it. */
export class ModelEdits {
  readonly #bench: Bench
  /** Of events that are open. */
  readonly #edits = new Map<number, number>()
  #latest = 0

  constructor(bench: Bench) {
    this.#bench = bench
  }

  replace(offset: number): void {
    this.#bench.commit()
    this.#edits.set(offset, ++this.#latest)
    this.#bench.replace(offset, this.#latest)
    this.#bench.commit()
  }

  /** Whether it is handed out as it was rewritten, and only then. */
  fits({ offset, edit }: Entry): boolean {
    const stored = this.#bench.edit(offset)?.edit
    return edit === this.#edits.get(offset) && stored === edit
  }

  settled(offset: number): void {
    this.#edits.delete(offset)
  }

  /** What comes again from the log comes as it was published; dead and parked events from before stay as they are. */
  sought(start: number): void {
    const aside = asideRanges.flatMap((range) => this.#bench.entries(range).map(({ key }) => offsetOf(key)))
    for (const offset of this.#edits.keys()) {
      if (offset > start || !aside.includes(offset)) this.#edits.delete(offset)
    }
  }
}
