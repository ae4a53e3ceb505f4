import type { LedgerEntry, LedgerRange } from '../engine/index.ts'
import type { Entry } from './entry.ts'
import type { KeyQueue } from './key-queue.ts'
import {
  crashedKey,
  deadKey,
  editKey,
  heldKeyKey,
  parkedBetween,
  parkedKey,
  readException,
  storeEdit,
  storeException,
  storeHeldKey,
  storeUntried,
  unreadableKey,
  type StoredEdit,
  type StoredException,
} from './ledger-form.ts'
import type { Ending, ShardState } from './shard-state.ts'

/** How many parked events of a key come back at once. */
const parkedPage = 64

/** A part of the ledger that the machine wants to see. */
export interface Load {
  readonly of: 'parked' | 'schedule'
  readonly range: LedgerRange
  readonly limit: number
}

/**
 * Dead letters and the events that are parked behind what holds up their key. There may be millions of them, for months,
 * so memory keeps the keys that are held up and nothing else; the events stand in the ledger and come back in ranges.
 */
export class Aside {
  readonly #state: ShardState
  /** The key whose parked events are being read, and the first that was parked meanwhile. */
  #unparking: { readonly queue: KeyQueue; readonly upTo: number; parkedSince: number } | undefined

  constructor(state: ShardState) {
    this.#state = state
  }

  // ------------------------------------------------------------------------------------------------------------ parking

  /** A new event has to wait behind others of its key. */
  park(queue: KeyQueue, offset: number, story = storeUntried(undefined)): void {
    const { unsaved, counts } = this.#state
    const place = (queue.place ??= offset)
    unsaved.write(parkedKey(place, offset), story)
    unsaved.cover(offset)
    counts.parked++
    queue.parked++
    if (this.#unparking?.queue === queue) {
      this.#unparking.parkedSince = Math.min(this.#unparking.parkedSince, offset)
    }
    queue.parkedFrom = Math.min(offset, queue.parkedFrom ?? Infinity)
    this.describe(queue)
  }

  /** Parks everything of a key from this event on. */
  parkFrom(first: Entry): void {
    const { queue } = first
    const following = queue.entries.filter((entry) => entry.offset >= first.offset)
    for (const entry of following) this.parkEntry(entry)
    this.#state.refresh(queue)
  }

  parkEntry(entry: Entry): void {
    const { queue } = entry
    this.#state.remove(entry)
    this.park(queue, entry.offset, storeException(entry))
  }

  /** Keeps the ledger's note of a key: what stops it, and where its parked events begin. */
  describe(queue: KeyQueue): void {
    const { key, place, dead, parkedFrom, parked } = queue
    if (place === undefined || key === undefined) return
    if (dead.length === 0 && parkedFrom === undefined) {
      this.#state.unsaved.write(heldKeyKey(place), null)
      queue.place = undefined
      return
    }
    const note = storeHeldKey({ place, key, dead, parked, ...(parkedFrom === undefined ? {} : { parkedFrom }) })
    this.#state.unsaved.write(note.key, note.value)
  }

  /** What should be read so that a key can go on. Everything that changed before must be committed before it is read. */
  nextLoad(): Load | undefined {
    const [queue] = this.#state.unparkable
    if (!queue) return undefined
    const upTo = queue.dead[0] ?? Infinity
    this.#unparking = { queue, upTo, parkedSince: Infinity }
    return { of: 'parked', range: parkedBetween(queue.place!, queue.parkedFrom!, upTo), limit: parkedPage }
  }

  /** What was read: the oldest parked events of the key go on. */
  loaded(entries: readonly LedgerEntry[]): void {
    if (!this.#unparking) return
    const { queue, upTo, parkedSince } = this.#unparking
    this.#unparking = undefined
    const read = entries.map((entry) => ({ ledgerKey: entry.key, ...readException(entry) }))
    const last = read.at(-1)
    let rest = last && read.length === parkedPage ? last.offset + 1 : upTo
    for (const { ledgerKey, ...stored } of read) {
      // Another one of the key may have died since.
      if (stored.offset > (queue.dead[0] ?? Infinity)) rest = Math.min(rest, stored.offset)
      else this.#unpark(queue, ledgerKey, stored)
    }
    rest = Math.min(rest, parkedSince)
    queue.parkedFrom = rest === Infinity ? undefined : rest
    this.describe(queue)
    this.#state.coalescing.collapse(this.#state, queue)
    this.#state.refresh(queue)
  }

  #unpark(queue: KeyQueue, ledgerKey: string, stored: StoredException): void {
    this.#state.unsaved.write(ledgerKey, null)
    this.#state.counts.parked--
    queue.parked--
    const entry = this.#state.addEntry(stored.offset, queue.key, undefined)
    entry.attempts = stored.attempts
    entry.suspect = stored.suspect ?? false
    if (stored.reason !== undefined) entry.reason = stored.reason
    if (stored.edit !== undefined) entry.edit = stored.edit
    this.#state.store(entry)
  }

  // ------------------------------------------------------------------------------------------------------- dead letters

  /** An entry is given up. `crashed`: its consumer never said what became of it. `stops`: so is, for now, its key. */
  bury(entry: Entry, { at, crashed, stops }: { at: number; crashed: boolean; stops: boolean }): void {
    const { queue, offset } = entry
    const { unsaved, counts } = this.#state
    this.#state.remove(entry)
    unsaved.write(deadKey(offset), storeException({ ...entry, state: 'ready', suspect: false, counted: false }, at))
    counts.dead++
    if (isUnreadable(entry.reason)) {
      unsaved.write(unreadableKey(offset), '1')
      this.#state.unreadable.add(offset)
    }
    if (crashed) {
      unsaved.write(crashedKey(offset), '1')
      this.#state.crashed.add(offset)
      this.#state.holdFloor({ offset })
    }
    if (!stops || queue.key === undefined) return
    queue.place ??= offset
    queue.addDead(offset)
    this.describe(queue)
    for (const later of queue.entries.filter((other) => other.offset > offset)) this.parkEntry(later)
  }

  /** A dead letter is one no longer: it goes on, or ends. */
  #exhume(offset: number, key: string | undefined): void {
    const { unsaved, counts, crashed, unreadable, queues } = this.#state
    unsaved.write(deadKey(offset), null)
    counts.dead--
    this.#state.returns++
    if (crashed.delete(offset)) unsaved.write(crashedKey(offset), null)
    if (unreadable.delete(offset)) unsaved.write(unreadableKey(offset), null)
    const queue = key === undefined ? undefined : queues.get(key)
    if (!queue?.dead.includes(offset)) return
    queue.removeDead(offset)
    this.describe(queue)
    this.#state.refresh(queue)
  }

  /** The dead letters of a key are needed no more. */
  end(queue: KeyQueue, ending: Ending): void {
    for (const offset of queue.dead) {
      this.#exhume(offset, queue.key)
      this.#state.unsaved.write(editKey(offset), null)
      this.#state.counts[ending]++
    }
  }

  /** A dead letter goes on, with all its attempts; behind another one of its key it is parked. */
  redrive(stored: StoredException): void {
    this.#exhume(stored.offset, stored.key)
    this.admit(stored.offset, stored.key, stored)
  }

  /** A dead letter goes on as somebody rewrote it. */
  replace(stored: StoredException, edit: StoredEdit): void {
    const { key, value } = storeEdit(stored.offset, edit)
    this.#state.unsaved.write(key, value)
    this.redrive({ ...stored, edit: edit.edit })
  }

  /** Nobody needs a dead letter any more: its key goes on without it. */
  discard(stored: StoredException, ending: Ending = 'discarded'): void {
    this.#exhume(stored.offset, stored.key)
    if (stored.edit !== undefined) this.#state.unsaved.write(editKey(stored.offset), null)
    this.#state.counts[ending]++
  }

  /** Nobody will be given a parked event any more; its key goes on without it. */
  dropParked(parked: LedgerEntry, queue: KeyQueue | undefined): void {
    const { unsaved, counts } = this.#state
    const { offset, edit } = readException(parked)
    unsaved.write(parked.key, null)
    if (edit !== undefined) unsaved.write(editKey(offset), null)
    counts.parked--
    counts.skipped++
    this.#state.returns++
    if (!queue) return
    queue.parked--
    if (queue.parked === 0) queue.parkedFrom = undefined
    this.describe(queue)
    this.#state.refresh(queue)
  }

  /** Dead letters stand beside their key from now on, not in front of it. */
  stepAside(queue: KeyQueue): void {
    for (const offset of queue.dead) queue.removeDead(offset)
    this.describe(queue)
    this.#state.refresh(queue)
  }

  /** Forgets what is being read: a new generation begins. */
  clear(): void {
    this.#unparking = undefined
  }

  /** An event that was aside takes its place among those at hand, or behind what holds up its key. */
  admit(
    offset: number,
    key: string | undefined,
    { reason, edit }: Pick<StoredException, 'reason' | 'edit'> = {},
  ): void {
    const queue = this.#state.queueOf(key)
    if (this.#state.coalescing.on && queue.dead.every((dead) => dead < offset)) this.end(queue, 'superseded')
    if (queue.parks(offset)) return this.park(queue, offset, storeUntried(undefined, edit))
    const entry = this.#state.addEntry(offset, key, undefined)
    if (reason !== undefined) entry.reason = reason
    if (edit !== undefined) entry.edit = edit
    this.#state.store(entry)
    this.#state.coalescing.collapse(this.#state, queue)
    this.#state.refresh(entry.queue)
  }

  /** Where too many events are unfinished in memory alone, the oldest get a place of their own in the ledger. */
  makeRoom(): void {
    for (const entry of this.#state.unsaved.overflow()) {
      if (entry.gone) continue
      const { queue } = entry
      if (queue.isHeldUp && queue.head !== entry) {
        this.parkFrom(entry)
      } else {
        this.#state.store(entry)
        if (entry.state !== 'leased') delete entry.record
      }
    }
  }
}

/** How every consumer begins to say that it cannot read an event, in whichever language it is written. */
function isUnreadable(reason: string | undefined): boolean {
  return reason?.startsWith('unreadable') ?? false
}
