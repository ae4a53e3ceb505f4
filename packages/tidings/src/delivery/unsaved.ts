import type { LedgerChange } from '../engine/index.ts'
import type { Entry } from './entry.ts'
import { exceptionKey, storeException, storeState, type StoredState } from './ledger-form.ts'

/** Unfinished events that have no ledger entry of their own stand in the `state` entry; beyond so many the oldest get their own. */
const longestOpenList = 2_048

/**
 * What the ledger does not know yet. Nothing is written while changes are made: the next commit takes them all, each
 * event in the form that it has by then.
 */
export class Unsaved {
  /** Unfinished events without a ledger entry of their own, by offset; those that are gone are dropped lazily. */
  #open: Entry[] = []
  /** The highest offset that was handed out or changed: up to here the ledger must know each story. */
  #touched: number
  readonly #entries = new Set<Entry>()
  readonly #values = new Map<string, string | null>()
  #dirty = false

  constructor(through: number) {
    this.#touched = through
  }

  get dirty(): boolean {
    return this.#dirty
  }

  /** How many unfinished events are in memory alone. */
  get openSize(): number {
    return this.#open.length
  }

  /** The `state` entry has to be written. */
  touch(): void {
    this.#dirty = true
  }

  /** The ledger must speak for the log at least up to here. */
  cover(offset: number): void {
    this.#touched = Math.max(this.#touched, offset)
    this.#dirty = true
  }

  /** An entry's own story changed: it is written in the form that it has at the commit. */
  story(entry: Entry): void {
    entry.stored = true
    this.#entries.add(entry)
    this.#values.delete(exceptionKey(entry.offset))
    this.cover(entry.offset)
  }

  /** An entry has no story of its own any more. */
  forget(entry: Entry): void {
    this.#entries.delete(entry)
    if (entry.stored) this.#values.set(exceptionKey(entry.offset), null)
    entry.stored = false
    this.cover(entry.offset)
  }

  /** Anything else that the ledger keeps; `null` removes it. */
  write(key: string, value: string | null): void {
    this.#values.set(key, value)
    this.#dirty = true
  }

  /** Entries come in order of their offsets, except at recovery. */
  addOpen(entry: Entry): void {
    this.#open.push(entry)
  }

  /** The oldest event that is in memory alone, `Infinity` when there is none. */
  firstOpen(): number {
    while (this.#open[0]?.gone || this.#open[0]?.stored) this.#open.shift()
    return this.#open[0]?.offset ?? Infinity
  }

  /** The oldest entries beyond what the `state` entry may list: they need a place of their own in the ledger. */
  overflow(): readonly Entry[] {
    this.#open = this.#open.filter((entry) => !entry.gone && !entry.stored)
    const untouched = this.#open.findIndex((entry) => entry.offset > this.#touched)
    const listed = untouched < 0 ? this.#open.length : untouched
    return this.#open.slice(0, Math.max(0, listed - longestOpenList))
  }

  /** How far the `state` entry can speak for, up to `cursor`, and what is unfinished up to there. */
  settledThrough(cursor: number): { through: number; open: number[] } {
    const open: number[] = []
    for (const entry of this.#open) {
      if (entry.stored || entry.gone) continue
      // Untouched entries at the end need no mention: they are read again from the log.
      if (entry.offset > this.#touched) return { through: entry.offset - 1, open }
      open.push(entry.offset)
    }
    return { through: cursor, open }
  }

  /** Everything that changed, to be committed at once. */
  take(state: StoredState): readonly LedgerChange[] {
    const changes = [storeState(state)]
    for (const entry of this.#entries) changes.push({ key: exceptionKey(entry.offset), value: storeException(entry) })
    for (const [key, value] of this.#values) changes.push({ key, value })
    this.#entries.clear()
    this.#values.clear()
    this.#dirty = false
    return changes
  }

  /** A new generation: what was unfinished is so no more. */
  clear(start: number): void {
    this.#open = []
    this.#entries.clear()
    this.#touched = start
    this.#dirty = true
  }
}
