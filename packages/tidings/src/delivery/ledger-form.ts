import { TidingsError } from '../errors.ts'
import type { LedgerChange, LedgerEntry } from '../engine/index.ts'
import type { Entry, Moment } from './entry.ts'

/**
 * How the state of one shard of a subscription stands in its ledger: one entry `state` for everything that changes with
 * nearly every commit, and one `x/<offset>` for each event with a story of its own.
 */
export const stateKey = 'state'
export const exceptionRange = { from: 'x/', to: 'x0' } as const

const formatVersion = 1

export interface StoredState {
  readonly generation: number
  /** The generation delivers what comes after this offset. */
  readonly start: number
  /** Everything at or below is finished, has an entry of its own, or stands in `open`. */
  readonly through: number
  readonly open: readonly number[]
  /** Nothing above was ever handed out. */
  readonly leaseMark: number
  /** Streams that may hold what was handed out. */
  readonly holders: readonly string[]
  readonly counts: StoredCounts
  readonly watermark: number
  readonly earlier: readonly EarlierGeneration[]
}

export interface StoredCounts {
  readonly acknowledged: number
  readonly filtered: number
  readonly superseded: number
  readonly skipped: number
}

/** What an earlier generation had acknowledged when a seek ended it: (`start`, `through`] without `exceptions`, of `types`. */
export interface EarlierGeneration {
  readonly start: number
  readonly through: number
  readonly exceptions: readonly number[]
  readonly types?: readonly string[]
  readonly effects: 'skip' | 'run' | 'missing'
}

export interface StoredException {
  readonly offset: number
  readonly key?: string
  readonly state: Entry['state']
  readonly attempts: number
  /** Whether the attempt under way is in `attempts` already. */
  readonly counted: boolean
  readonly suspect: boolean
  readonly lease?: string
  readonly due?: { readonly wall: number; readonly delayMs: number }
  readonly reason?: string
  readonly dead?: { readonly at: number; readonly crashed: boolean }
}

const emptyCounts: StoredCounts = { acknowledged: 0, filtered: 0, superseded: 0, skipped: 0 }

export function initialState(start: number): StoredState {
  return {
    generation: 1,
    start,
    through: start,
    open: [],
    leaseMark: start,
    holders: [],
    counts: emptyCounts,
    watermark: 0,
    earlier: [],
  }
}

export function storeState(state: StoredState): LedgerChange {
  // Open offsets are kept as distances, so that a busy shard writes little.
  let before = state.start
  const open = state.open.map((offset) => {
    const distance = offset - before
    before = offset
    return distance
  })
  return { key: stateKey, value: JSON.stringify({ v: formatVersion, ...state, open }) }
}

export function readState(value: string): StoredState {
  const { v, open, ...state } = JSON.parse(value) as StoredState & { v: number }
  if (v !== formatVersion) throw unknownVersion(v)
  let before = state.start
  return { ...state, open: open.map((distance) => (before += distance)) }
}

export function exceptionKey(offset: number): string {
  return `x/${String(offset).padStart(16, '0')}`
}

export function storeException(entry: Entry): LedgerChange {
  const stored: Omit<StoredException, 'offset'> & { v: number } = {
    v: formatVersion,
    ...(entry.queue.key === undefined ? {} : { key: entry.queue.key }),
    // A stream's lease does not outlive the broker: after a crash its holder presents it again or is missed.
    state: entry.state === 'leased' && !entry.lease?.pull ? 'ready' : entry.state,
    attempts: entry.attempts,
    counted: entry.counted,
    suspect: entry.suspect,
    ...(entry.lease?.pull ? { lease: entry.lease.id } : {}),
    ...(entry.due ? { due: { wall: entry.due.wall, delayMs: entry.due.delayMs } } : {}),
    ...(entry.reason === undefined ? {} : { reason: entry.reason }),
    ...(entry.dead ? { dead: entry.dead } : {}),
  }
  return { key: exceptionKey(entry.offset), value: JSON.stringify(stored) }
}

export function readException({ key, value }: LedgerEntry): StoredException {
  const { v, ...stored } = JSON.parse(value) as Omit<StoredException, 'offset'> & { v: number }
  if (v !== formatVersion) throw unknownVersion(v)
  return { ...stored, offset: Number(key.slice(exceptionRange.from.length)) }
}

/** A stored due time on the clocks of this process; a wall clock that was set back cannot postpone it beyond its delay. */
export function restoreDue(due: { wall: number; delayMs: number }, now: Moment): NonNullable<Entry['due']> {
  const remainingMs = Math.min(Math.max(0, due.wall - now.wall), due.delayMs)
  return { monotonic: now.monotonic + remainingMs, wall: now.wall + remainingMs, delayMs: due.delayMs }
}

function unknownVersion(version: unknown): TidingsError {
  return new TidingsError(
    'store-version',
    `The ledger was written in format ${String(version)}; this version of Tidings reads format ${formatVersion}. Use the version that wrote it, or a newer one.`,
  )
}
