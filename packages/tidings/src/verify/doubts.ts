import { sleep, type Environment } from '../environment/index.ts'
import type { CompareOptions } from './compare.ts'
import { differenceOf, type Difference } from './difference.ts'
import { byKey } from './side.ts'

/** What was seen of a key that is different, since when it has been like that, and since when it is looked at again. */
interface Seen {
  readonly marks: string
  readonly since: number
  readonly begunAt: number
}

export interface DoubtsOptions extends CompareOptions {
  readonly environment: Environment
  readonly patienceMs: number
}

const mostKeys = 100_000
const keysAtOnce = 50
const firstPauseMs = 100
const roundsOfPatience = 3

/**
 * Keys that were different when they were looked at. A change may be under way, or was made between the looks at the two
 * sides; so they are looked at again until they are equal, or stayed different for long enough while neither row was
 * written.
 */
export class Doubts {
  readonly #options: DoubtsOptions
  readonly #keys = new Map<string, Seen | undefined>()
  differences = 0
  changing = 0

  constructor(options: DoubtsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#keys.size
  }

  get isFull(): boolean {
    return this.#keys.size >= mostKeys
  }

  add(key: string): void {
    this.#keys.set(key, undefined)
  }

  /** Judges every key that is in doubt. */
  async settle(): Promise<void> {
    const { environment, patienceMs, signal } = this.#options
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, patienceMs / 2)) {
      const keys = [...this.#keys.keys()]
      for (let start = 0; start < keys.length; start += keysAtOnce) {
        await this.#look(keys.slice(start, start + keysAtOnce))
        signal?.throwIfAborted()
      }
      if (this.#keys.size === 0) return
      await sleep(environment, pauseMs, signal)
    }
  }

  async #look(keys: readonly string[]): Promise<void> {
    const { source, copy } = this.#options
    const rows = byKey(await source.find(keys))
    const copied = byKey(await copy.find(keys))
    for (const key of keys) {
      const present = { source: rows.get(key)?.[0], copies: copied.get(key) ?? [] }
      const marks = JSON.stringify([present.source?.mark, ...present.copies.map(({ mark }) => mark)])
      this.#judge(key, marks, differenceOf(key, present))
    }
  }

  #judge(key: string, marks: string, difference: Difference | undefined): void {
    const { environment, patienceMs, onDifference } = this.#options
    const now = environment.clock.monotonic()
    const seen = this.#keys.get(key)
    if (!difference) this.#keys.delete(key)
    else if (!seen) this.#keys.set(key, { marks, since: now, begunAt: now })
    else if (seen.marks !== marks) this.#written(key, { ...seen, marks, since: now })
    else if (now - seen.since >= patienceMs) {
      this.#keys.delete(key)
      this.differences++
      onDifference(difference)
    }
  }

  /** It is waited for again, unless it has been written all the time. */
  #written(key: string, seen: Seen): void {
    const isGivenUp = seen.since - seen.begunAt >= roundsOfPatience * this.#options.patienceMs
    if (isGivenUp) {
      this.#keys.delete(key)
      this.changing++
    } else this.#keys.set(key, seen)
  }
}
