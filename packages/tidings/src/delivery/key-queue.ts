import type { Entry } from './entry.ts'

const none: readonly number[] = []
const fewAtHand = 16

/**
 * The unfinished events of one key, oldest first. The leased ones are a run: neighbours with one holder. An event
 * without a key has a queue of its own.
 */
export class KeyQueue {
  readonly key: string | undefined
  entries: Entry[] = []
  /** How many are leased at present; all of them to `holder`. */
  leased = 0
  holder: string | undefined
  /** Something came back into the middle of the present run or before it: the run goes no further. */
  interrupted = false
  /** Offsets of the dead letters that stop the key, ascending; every entry at hand is older than the first. */
  dead = none
  /** Names the key's place in the ledger while it has dead letters or parked events. */
  place: number | undefined
  /** From this offset on, events of the key may be parked; `undefined` when none is. */
  parkedFrom: number | undefined
  /** How many are parked. */
  parked = 0

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
    if (index < this.leased) this.interrupted = true
  }

  remove(entry: Entry): void {
    if (this.entries[0] === entry) this.entries.shift()
    else this.entries.splice(this.entries.indexOf(entry), 1)
    // A key may be parked for months, with many others: an array that was used holds on to its room.
    if (this.entries.length === 0) this.entries = []
  }

  /** The oldest leased entry: the only one that may be settled. */
  firstLeased(): Entry | undefined {
    return this.leased === 0 ? undefined : this.entries.find((entry) => entry.state === 'leased')
  }

  /** The entry that may extend the run of the present holder, if the run has room. */
  nextOfRun(longestRun: number): Entry | undefined {
    if (this.leased === 0 || this.leased >= longestRun || this.interrupted) return undefined
    return this.entries[this.leased]
  }

  /** Whether an event at this offset has to wait aside: something of its key before it does, or is a dead letter. */
  parks(offset: number): boolean {
    return offset > (this.dead[0] ?? Infinity) || offset >= (this.parkedFrom ?? Infinity)
  }

  /** Whether parked events of the key should come back: it moves, and few are at hand. */
  get mayUnpark(): boolean {
    const moves = !this.isHeldUp && this.entries.length < fewAtHand
    return moves && this.parkedFrom !== undefined && this.parkedFrom < (this.dead[0] ?? Infinity)
  }

  /** Whether its head has to be tried again later. */
  get isHeldUp(): boolean {
    return this.head?.state === 'retrying' || this.head?.state === 'waiting'
  }

  addDead(offset: number): void {
    this.dead = [...this.dead, offset].sort((left, right) => left - right)
  }

  removeDead(offset: number): void {
    this.dead = this.dead.length === 1 && this.dead[0] === offset ? none : this.dead.filter((other) => other !== offset)
  }
}
