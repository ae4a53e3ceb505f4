import type { LogRecord } from '../engine/index.ts'

/**
 * One event that a subscription has not finished with.
 *
 * | state    | it is …                                       | leaves it by                                          |
 * |----------|-----------------------------------------------|-------------------------------------------------------|
 * | ready    | to be handed out when its turn in its key comes | claim → leased · newer state → superseded            |
 * | leased   | with a holder                                 | ack → settled · retry · wait · dead-letter · lost → ready |
 * | retrying | failed; handed out again when due             | due → ready · newer state → superseded                |
 * | waiting  | short of data; handed out again when due or woken | due, wake → ready · newer state → superseded       |
 * | dead     | given up                                      | redrive → ready · newer state → superseded            |
 *
 * Settled and superseded events have no entry any more.
 */
export interface Entry {
  readonly offset: number
  queue: KeyQueue
  state: EntryState
  /** Attempts that count: handlers that reported failure, and hand-outs of a suspect. */
  attempts: number
  /** Whether the attempt under way is in `attempts` already. */
  counted: boolean
  /** Its consumer, or the broker, may have died of it: handed out alone. */
  suspect: boolean
  lease?: Lease
  /** When it is due, on the monotonic clock; the wall-clock time is kept for the ledger and for people. */
  due?: { readonly monotonic: number; readonly wall: number; readonly delayMs: number }
  reason?: string
  /** When it became a dead letter, in milliseconds since 1970, and whether it ever reported that it failed. */
  dead?: { readonly at: number; readonly crashed: boolean }
  /** Whether the ledger has an entry of its own for it; once stored, always stored until it is finished. */
  stored: boolean
  finished: boolean
  /** The event itself, where it is at hand. */
  record?: LogRecord
}

export type EntryState = 'ready' | 'leased' | 'retrying' | 'waiting' | 'dead'

export interface Lease {
  /** Unique for ever: `<epoch>-<number>`. */
  readonly id: string
  readonly holder: string
  /** A pull's lease ends by time and stands in the ledger; a stream's lasts as long as its holder. */
  readonly pull: boolean
}

/** A moment on both clocks: leases and delays run on the monotonic one, people and the ledger see the wall clock. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/**
 * The unfinished events of one key, oldest first. The leased ones are a run: neighbours with one holder. An event
 * without a key has a queue of its own.
 */
export class KeyQueue {
  readonly key: string | undefined
  readonly entries: Entry[] = []
  /** How many are leased at present; all of them to `holder`. */
  leased = 0
  holder: string | undefined

  constructor(key: string | undefined) {
    this.key = key
  }

  get head(): Entry | undefined {
    return this.entries[0]
  }

  /** Puts an entry where its offset belongs: nearly always the end. */
  insert(entry: Entry): void {
    let index = this.entries.length
    while (index > 0 && this.entries[index - 1]!.offset > entry.offset) index--
    this.entries.splice(index, 0, entry)
  }

  remove(entry: Entry): void {
    if (this.entries[0] === entry) this.entries.shift()
    else this.entries.splice(this.entries.indexOf(entry), 1)
  }

  /** The oldest leased entry: the only one that may be settled. */
  firstLeased(): Entry | undefined {
    return this.leased === 0 ? undefined : this.entries.find((entry) => entry.state === 'leased')
  }

  /** The entry that may extend the run of the present holder, if the run has room. */
  nextOfRun(longestRun: number): Entry | undefined {
    if (this.leased === 0 || this.leased >= longestRun) return undefined
    const next = this.entries[this.leased]
    // Everything before it must be part of the run: a redriven entry in front of the run ends it.
    return next && this.entries[this.leased - 1]?.state === 'leased' && this.head?.state === 'leased' ? next : undefined
  }
}
