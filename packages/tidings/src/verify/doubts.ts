import { sleep, type Environment } from '../environment/index.ts'
import type { CompareOptions } from './compare.ts'
import { differenceOf, type Contradiction, type Difference, type Present } from './difference.ts'
import { byKey } from './side.ts'

/** What was seen of a key that is different. */
interface Seen {
  readonly marks: string
  /** Since when its rows have had these marks, and since when it is looked at again. */
  readonly since: number
  readonly begunAt: number
  /** What was on its way once its rows were seen with these marks; absent where that is not known. */
  readonly note?: string
}

export interface DoubtsOptions extends CompareOptions {
  readonly environment: Environment
  readonly patienceMs: number
}

const mostKeys = 100_000
const keysAtOnce = 200
const firstPauseMs = 100
const roundsOfPatience = 3

/**
 * Keys that were different when they were looked at. A change may be under way, or was made between the looks at the two
 * sides; so they are looked at again until they are equal, or known to be different, in one of three ways:
 *
 * - both rows are in the same version of the entity, which has one state;
 * - neither row was written since an earlier look, and everything that was on its way at that look had arrived before
 *   this one: the copy was told of the state that the source has, and has another one;
 * - neither row was written for as long as patience lasts.
 */
export class Doubts {
  readonly #options: DoubtsOptions
  readonly #keys = new Map<string, Seen | undefined>()
  differences = 0
  changing = 0
  /** How many rows of the source were looked at. */
  crossed = 0

  constructor(options: DoubtsOptions) {
    this.#options = options
  }

  get keys(): readonly string[] {
    return [...this.#keys.keys()]
  }

  get count(): number {
    return this.#keys.size
  }

  get isFull(): boolean {
    return this.#keys.size >= mostKeys
  }

  add(key: string): void {
    if (!this.#keys.has(key)) this.#keys.set(key, undefined)
  }

  /** Judges every key that is in doubt. */
  async settle(onRound: () => void): Promise<void> {
    const { environment, patienceMs, signal } = this.#options
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, patienceMs / 2)) {
      const keys = this.keys
      const arrived = await this.#arrived()
      const looked: string[] = []
      for (let start = 0; start < keys.length; start += keysAtOnce) {
        const some = keys.slice(start, start + keysAtOnce)
        await this.#look(some, arrived)
        looked.push(...some)
        signal?.throwIfAborted()
      }
      if (this.#keys.size === 0) return
      await this.#note(looked)
      onRound()
      await sleep(environment, pauseMs, signal)
    }
  }

  /** The notes of which everything has arrived by now. */
  async #arrived(): Promise<ReadonlySet<string>> {
    const { settling } = this.#options
    const notes = new Set([...this.#keys.values()].flatMap((seen) => seen?.note ?? []))
    const arrived = new Set<string>()
    for (const note of notes) if (await settling?.hasArrived(note)) arrived.add(note)
    return arrived
  }

  /** Notes what is on its way once these keys were looked at. */
  async #note(keys: readonly string[]): Promise<void> {
    const note = await this.#options.settling?.note()
    if (note === undefined) return
    for (const key of keys) {
      const seen = this.#keys.get(key)
      if (seen && seen.note === undefined) this.#keys.set(key, { ...seen, note })
    }
  }

  async #look(keys: readonly string[], arrived: ReadonlySet<string>): Promise<void> {
    const { source, copy } = this.#options
    const copied = byKey(await copy.find(keys))
    const found = await source.find(keys)
    this.crossed += found.length
    const rows = byKey(found)
    for (const key of keys) {
      const present = { source: rows.get(key)?.[0], copies: copied.get(key) ?? [] }
      const difference = differenceOf(key, present)
      if (difference) this.#judge(difference, present, arrived)
      else this.#keys.delete(key)
    }
  }

  #judge(difference: Contradiction, { source, copies }: Present, arrived: ReadonlySet<string>): void {
    const { environment, patienceMs } = this.#options
    const now = environment.clock.monotonic()
    const { key, sourceVersion, copyVersion } = difference
    const marks = JSON.stringify([source?.mark, ...copies.map(({ mark }) => mark)])
    const seen = this.#keys.get(key)
    const isOneVersion = source && sourceVersion !== undefined && sourceVersion === copyVersion
    if (isOneVersion) this.#confirm(difference, 'version')
    else if (!seen) this.#keys.set(key, { marks, since: now, begunAt: now })
    else if (seen.marks !== marks) this.#written(key, { ...seen, marks, since: now })
    else if (seen.note !== undefined && arrived.has(seen.note)) this.#confirm(difference, 'arrival')
    else if (now - seen.since >= patienceMs) this.#confirm(difference, 'patience')
  }

  #confirm(difference: Contradiction, confirmedBy: Difference['confirmedBy']): void {
    this.#keys.delete(difference.key)
    this.differences++
    this.#options.onDifference({ ...difference, confirmedBy })
  }

  /** It is waited for again, unless it has been written all the time. */
  #written(key: string, { marks, since, begunAt }: Seen): void {
    const isGivenUp = since - begunAt >= roundsOfPatience * this.#options.patienceMs
    if (isGivenUp) {
      this.#keys.delete(key)
      this.changing++
    } else this.#keys.set(key, { marks, since, begunAt })
  }
}
