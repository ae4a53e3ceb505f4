import type { LedgerEntry } from '../engine/index.ts'
import type { Load } from './aside.ts'
import { DueTimes } from './due-times.ts'
import type { Moment } from './entry.ts'
import { dueKey, dueOf, readException, scheduledKey, scheduledRange, storeUntried } from './ledger-form.ts'
import type { Ending, ShardState } from './shard-state.ts'

const pageSize = 10_000
const aheadMs = 3_600_000

interface Scheduled {
  readonly offset: number
  readonly key: string | undefined
  readonly due: number
  cancelled?: true
}

/**
 * Events that are not due yet. They stand in the ledger, ordered by time; memory has those of the next hour, and of
 * those no more than a few pages. Due times are on the wall clock: nothing is handed out before the time that was
 * asked for, whichever way the clock was set meanwhile.
 */
export class Schedule {
  readonly #state: ShardState
  readonly #near = new DueTimes<Scheduled>()
  readonly #byOffset = new Map<number, Scheduled>()
  /** Everything below this key of the ledger is in memory. */
  #loadedTo: string = scheduledRange.from
  /** What was scheduled while the ledger was being read, and up to where that read goes. */
  #reading: { readonly to: string; readonly since: Scheduled[] } | undefined

  constructor(state: ShardState) {
    this.#state = state
  }

  add(offset: number, key: string | undefined, due: number): void {
    const { unsaved, counts } = this.#state
    const ledgerKey = scheduledKey(due, offset)
    unsaved.write(ledgerKey, storeUntried(key))
    unsaved.write(dueKey(offset), String(due))
    unsaved.cover(offset)
    counts.scheduled++
    const scheduled = { offset, key, due }
    if (ledgerKey < this.#loadedTo) this.#remember(scheduled)
    else this.#reading?.since.push(scheduled)
  }

  /** Takes back what is not due yet; the caller has looked `due` up. */
  cancel(offset: number, due: number, ending: Ending = 'discarded'): void {
    this.#remove(offset, due)
    const known = this.#byOffset.get(offset)
    if (known) known.cancelled = true
    this.#byOffset.delete(offset)
    this.#state.counts[ending]++
  }

  /** Hands over what is due. */
  tick(now: Moment, comeDue: (offset: number, key: string | undefined) => void): void {
    while (this.#near.earliest <= now.wall) {
      const scheduled = this.#near.takeFirst()!
      if (scheduled.cancelled) continue
      this.#byOffset.delete(scheduled.offset)
      this.#remove(scheduled.offset, scheduled.due)
      comeDue(scheduled.offset, scheduled.key)
    }
  }

  #remove(offset: number, due: number): void {
    this.#state.unsaved.write(scheduledKey(due, offset), null)
    this.#state.unsaved.write(dueKey(offset), null)
    this.#state.counts.scheduled--
    this.#state.returns++
  }

  /** When something is due, on the monotonic clock; `Infinity` when nothing is in memory. */
  nextDueAt(now: Moment): number {
    return now.monotonic + Math.max(0, this.#near.earliest - now.wall)
  }

  // ------------------------------------------------------------------------------------------------------------ loading

  /** What should be read, when the next half hour is not in memory. */
  nextLoad(now: Moment): Load | undefined {
    if (this.#byOffset.size >= pageSize / 2 || this.#state.counts.scheduled <= this.#byOffset.size) return undefined
    if (this.#loadedTo >= scheduledKey(now.wall + aheadMs / 2, 0)) return undefined
    const to = scheduledKey(now.wall + aheadMs, 0)
    this.#reading = { to, since: [] }
    return { of: 'schedule', range: { from: this.#loadedTo, to }, limit: pageSize }
  }

  loaded(entries: readonly LedgerEntry[]): void {
    if (!this.#reading) return
    const { to, since } = this.#reading
    this.#reading = undefined
    const last = entries.at(-1)
    this.#loadedTo = last && entries.length === pageSize ? `${last.key}!` : to
    for (const entry of entries) {
      const { offset, key } = readException(entry)
      this.#remember({ offset, key, due: dueOf(entry.key) })
    }
    for (const scheduled of since) {
      if (scheduledKey(scheduled.due, scheduled.offset) < this.#loadedTo) this.#remember(scheduled)
    }
  }

  #remember(scheduled: Scheduled): void {
    if (this.#byOffset.has(scheduled.offset)) return
    this.#byOffset.set(scheduled.offset, scheduled)
    this.#near.add(scheduled.due, scheduled)
    if (this.#byOffset.size > 2 * pageSize) this.#forgetLatest()
  }

  /** Keeps the page that is due first; the ledger has the others. */
  #forgetLatest(): void {
    const all = [...this.#byOffset.values()].sort((left, right) => left.due - right.due || left.offset - right.offset)
    const kept = all.slice(0, pageSize)
    const next = all[pageSize]!
    this.clear()
    this.#loadedTo = scheduledKey(next.due, next.offset)
    for (const scheduled of kept) this.#remember(scheduled)
  }

  clear(): void {
    this.#near.clear()
    this.#byOffset.clear()
    this.#loadedTo = scheduledRange.from
    this.#reading = undefined
  }
}
