import { systemEnvironment, type Environment } from '../environment/index.ts'
import { Bisection } from './bisect.ts'
import type { Difference } from './difference.ts'
import { Doubts } from './doubts.ts'
import { Pace } from './pace.ts'
import { beginning, formatPlace, readPlace, type Place } from './place.ts'
import type { Settling } from './settling.ts'
import type { KeyRange, Part, Side } from './side.ts'
import { isRangeTooLarge } from './time-limit.ts'

export interface CompareOptions {
  readonly source: Side
  readonly copy: Side
  /** Told of each difference, once. */
  readonly onDifference: (difference: Difference) => void
  readonly onProgress?: (progress: Progress) => void
  /** Goes on where an earlier comparison of the same sides and columns ended: what its `Progress.place` gave last. */
  readonly resume?: string
  /** Knows what is on its way from the source to the copy. Where it is absent, or does not know, patience decides. */
  readonly settling?: Settling
  /**
   * How long a difference has to last, with neither row written, before it is one, and not a change under way: 10 s. A
   * key whose rows are never left alone for so long is given up after three times that.
   */
  readonly patienceMs?: number
  /** At most so many rows of the source a second, over the whole comparison; as many as it can where it is absent. */
  readonly rowsPerSecond?: number
  readonly environment?: Environment
  /** Ends it early; then it rejects with the reason. */
  readonly signal?: AbortSignal
}

/** How many rows were met on either side, and how many keys are being looked at again. */
export interface Progress {
  readonly source: number
  readonly copy: number
  readonly doubts: number
  /** The present place, for `resume`: everything before it was compared, but for the keys in doubt, which it names. */
  readonly place: () => string
}

export interface Comparison {
  /** How many rows either side had when it was read. */
  readonly source: number
  readonly copy: number
  readonly differences: number
  /** Keys that were different whenever they were looked at, but written all the time: not judged. */
  readonly changing: number
  /** How many rows of the source were given out one by one, as hashes or with their values; of the others digests were enough. */
  readonly crossed: number
}

/**
 * Compares a copy with its source by digests of ranges of keys, while both may be written. Ranges whose digests are
 * different are taken apart until their rows are few; these are told apart by their hashes, and what is different is
 * looked at again until it is equal, or is known to be a difference.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { environment = systemEnvironment } = options
  // A timer between two looks keeps no process.
  const letGo = environment.timers.keepAlive?.()
  try {
    return await new Run(options, environment).run()
  } finally {
    letGo?.()
  }
}

class Run {
  readonly #options: CompareOptions
  readonly #pace: Pace
  readonly #doubts: Doubts
  readonly #bisection: Bisection
  #place: Place

  constructor(options: CompareOptions, environment: Environment) {
    const { patienceMs = 10_000, resume, rowsPerSecond } = options
    this.#options = options
    this.#place = resume === undefined ? beginning : readPlace(resume)
    this.#pace = new Pace(environment, rowsPerSecond)
    this.#doubts = new Doubts({ ...options, environment, patienceMs })
    for (const key of this.#place.doubts) this.#doubts.add(key)
    this.#bisection = new Bisection({ ...options, onDoubt: (key) => this.#doubts.add(key) })
  }

  async run(): Promise<Comparison> {
    for await (const [range, part] of this.#chunks()) {
      const copy = await this.#pace.measured(part.count, () => this.#bisection.digest(range))
      await this.#bisection.compare(range, part, copy)
      this.#passed(part, copy.count)
      if (this.#doubts.isFull) await this.#settle()
      this.#options.signal?.throwIfAborted()
    }
    await this.#settle()
    const { source, copy, differences, changing } = this.#present
    return { source, copy, differences, changing, crossed: this.#bisection.crossed + this.#doubts.crossed }
  }

  /** The source's digests of one range after the other; each is asked for while the copy is asked for the one before. */
  async *#chunks(): AsyncGenerator<readonly [{ readonly after?: string; readonly upTo?: string }, Part]> {
    if (this.#place.isAtEnd) return
    let after = this.#place.after
    const ask = (): Promise<Part> => {
      const asked = this.#ask(after === undefined ? {} : { after })
      // It may fail while nobody waits for it yet.
      asked.catch(() => undefined)
      return asked
    }
    for (let next: Promise<Part> | undefined = ask(); next;) {
      const part: Part = await next
      const range = { ...(after !== undefined && { after }), ...(part.end !== undefined && { upTo: part.end }) }
      after = part.end
      await this.#pace.breathe(part.count, this.#options.signal)
      next = after === undefined ? undefined : ask()
      yield [range, part]
    }
  }

  /** The source's digest of so many next rows as it can give one of in time. */
  async #ask(range: KeyRange): Promise<Part> {
    for (;;) {
      const { rows } = this.#pace
      try {
        const [part] = await this.#pace.measured(rows, () => this.#options.source.digests(range, { rows, parts: 1 }))
        return part!
      } catch (error) {
        if (!isRangeTooLarge(error) || !this.#pace.shrink(rows)) throw error
      }
    }
  }

  #passed(part: Part, count: number): void {
    const { source, copy } = this.#place
    this.#place = {
      ...this.#place,
      source: source + part.count,
      copy: copy + count,
      isAtEnd: part.end === undefined,
      ...(part.end !== undefined && { after: part.end }),
    }
    this.#tell()
  }

  async #settle(): Promise<void> {
    await this.#doubts.settle(() => this.#tell())
    this.#tell()
  }

  #tell(): void {
    const { source, copy } = this.#place
    this.#options.onProgress?.({ source, copy, doubts: this.#doubts.count, place: () => formatPlace(this.#present) })
  }

  /** The place with what is known of the keys in doubt by now. */
  get #present(): Place {
    const { differences, changing } = this.#place
    const doubts = this.#doubts
    return {
      ...this.#place,
      doubts: doubts.keys,
      differences: differences + doubts.differences,
      changing: changing + doubts.changing,
    }
  }
}
