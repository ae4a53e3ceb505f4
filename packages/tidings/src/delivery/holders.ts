import type { Entry, Moment } from './entry.ts'
import { parseLeaseToken, type LeaseToken } from './lease-token.ts'
import type { ShardState } from './shard-state.ts'
import type { Transitions } from './transitions.ts'

/** How long the leases of a stream that broke wait for its holder to come back. */
export const graceMs = 2_000

/**
 * The streams that may hold deliveries: who is there, who is missed, and what a crash left in doubt.
 *
 * The ledger names every holder before it is handed anything. After a crash, what lies below the lease mark is held back
 * until all of them came back and presented what they have; what a holder that stays away may have had is suspect.
 */
export class Holders {
  readonly #shard: number
  readonly #state: ShardState
  readonly #transitions: Transitions
  /** Streams that broke, and those of before a crash: when their grace ends. */
  readonly #missing = new Map<string, number>()

  constructor(shard: number, state: ShardState, transitions: Transitions, now: Moment) {
    this.#shard = shard
    this.#state = state
    this.#transitions = transitions
    for (const holder of state.holders) this.#missing.set(holder, now.monotonic + graceMs)
    if (this.#missing.size > 0) state.reservedThrough = state.leaseMark
  }

  /** When the next grace ends, on the monotonic clock. */
  nextDueAt(): number {
    return Math.min(Infinity, ...this.#missing.values())
  }

  tick(now: Moment): void {
    for (const [holder, until] of [...this.#missing]) {
      if (until <= now.monotonic) this.#giveUp(holder, now)
    }
  }

  /** A holder (again) has a stream and presents the leases that it still has; answers those that it keeps. */
  present(holder: string, tokens: readonly string[]): ReadonlySet<string> {
    const presented = new Map<Entry, { text: string; id: string }>()
    const parsed = tokens.map((text) => ({ text, token: parseLeaseToken(text) }))
    parsed.sort((left, right) => (left.token?.offset ?? 0) - (right.token?.offset ?? 0))
    for (const { text, token } of parsed) {
      if (token?.shard !== this.#shard || token.generation !== this.#state.generation) continue
      const entry = this.#state.entries.get(token.offset)
      if (entry && this.#keep(entry, holder, token)) presented.set(entry, { text, id: token.id })
    }
    // What it does not present never reached it.
    for (const queue of [...(this.#state.held.get(holder) ?? [])]) {
      const lost = queue.entries.find((entry) => entry.state === 'leased' && !presented.has(entry))
      if (lost) this.#transitions.giveBack(lost)
    }
    this.#missing.delete(holder)
    this.#endReserveIfComplete()
    return new Set([...presented].filter(([entry, { id }]) => entry.lease?.id === id).map(([, { text }]) => text))
  }

  #keep(entry: Entry, holder: string, token: LeaseToken): boolean {
    if (entry.lease) return entry.lease.id === token.id && entry.lease.holder === holder
    // After a crash: the lease itself is forgotten, but nobody else can have had it.
    const mayHold = this.#state.isReserved(entry) && this.#missing.has(holder) && entry.state === 'ready'
    const { entries } = entry.queue
    const earlierAreHeld = entries.every((other) => other.offset >= entry.offset || other.lease?.holder === holder)
    if (!mayHold || !earlierAreHeld) return false
    this.#state.lease(entry, { id: token.id, holder, pull: false })
    return true
  }

  /** A stream ended in good order: its leases return unattempted. */
  detach(holder: string): void {
    for (const queue of [...(this.#state.held.get(holder) ?? [])]) {
      const first = queue.firstLeased()
      if (first) this.#transitions.giveBack(first)
    }
    this.#forget(holder)
  }

  /** A stream broke: its leases wait for the grace, then its unfinished events are suspects. */
  abandon(holder: string, now: Moment): void {
    if (this.#state.holders.has(holder)) this.#missing.set(holder, now.monotonic + graceMs)
  }

  #giveUp(holder: string, now: Moment): void {
    for (const queue of [...(this.#state.held.get(holder) ?? [])]) {
      const first = queue.firstLeased()
      if (first) this.#transitions.suspect(first, now)
    }
    this.#suspectReserved()
    this.#forget(holder)
  }

  /** A holder of before the crash did not come back: what was within its reach and nobody presented is suspect. */
  #suspectReserved(): void {
    if (this.#state.reservedThrough < 0) return
    const queues = new Set([...this.#state.entries.values()].map((entry) => entry.queue))
    for (const queue of queues) {
      for (const entry of queue.entries) {
        if (entry.state !== 'ready' || !this.#state.isReserved(entry)) break
        entry.suspect = true
        this.#state.store(entry)
      }
    }
  }

  #forget(holder: string): void {
    this.#state.holders.delete(holder)
    this.#missing.delete(holder)
    this.#state.unsaved.touch()
    this.#endReserveIfComplete()
  }

  #endReserveIfComplete(): void {
    if (this.#state.reservedThrough < 0 || this.#missing.size > 0) return
    this.#state.reservedThrough = -1
    for (const { queue } of this.#state.entries.values()) this.#transitions.supersede(queue)
    for (const { queue } of this.#state.entries.values()) this.#state.refresh(queue)
  }
}
