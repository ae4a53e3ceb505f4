import { TidingsError } from '../errors.ts'
import type { LedgerChange, LedgerEntry, LedgerRange } from '../engine/index.ts'
import type { SubscriptionFilter } from '../event/index.ts'
import type { Entry, Moment } from './entry.ts'

/**
 * How one shard of a subscription stands in its ledger. What changes with nearly every commit is one entry, `state`;
 * every event with a story of its own has an entry, in the place that says what it is. Offsets and times are padded, so
 * that their order is that of the ledger's keys.
 *
 * | key                          | what                                              | loaded                  |
 * |------------------------------|---------------------------------------------------|-------------------------|
 * | `state`                      | how far the shard is, and its counts              | at start                |
 * | `x/<offset>`                 | an event at hand with a story                     | at start                |
 * | `k/<place>`                  | a key that is held up: its dead letters           | at start                |
 * | `c/<offset>`                 | a dead letter whose consumer never answered       | at start                |
 * | `u/<offset>`                 | a dead letter that its consumer cannot read       | at start                |
 * | `d/<offset>`                 | a dead letter                                     | when somebody asks      |
 * | `p/<place>/<offset>`         | a parked event                                    | when its key moves      |
 * | `t/<due>/<offset>`           | a scheduled event                                 | an hour before it is due |
 * | `s/<offset>`                 | when a scheduled event is due                     | when somebody asks      |
 * | `a/<counter>`                | the answer to a task, until it is in its topic    | at start                |
 * | `e/<generation>/<part>`      | offsets that a generation did not acknowledge     | at start                |
 * | `f/<generation>/<offset>`    | the filter of a generation for what comes after   | at start                |
 * | `r/<offset>`                 | what an operator put in the place of an event     | when it is handed out   |
 */
export const stateKey = 'state'
export const exceptionRange = { from: 'x/', to: 'x0' } as const
export const heldKeyRange = { from: 'k/', to: 'k0' } as const
export const crashedRange = { from: 'c/', to: 'c0' } as const
export const unreadableRange = { from: 'u/', to: 'u0' } as const
export const deadRange = { from: 'd/', to: 'd0' } as const
export const parkedRange = { from: 'p/', to: 'p0' } as const
export const scheduledRange = { from: 't/', to: 't0' } as const
export const dueRange = { from: 's/', to: 's0' } as const
export const answerRange = { from: 'a/', to: 'a0' } as const
export const unacknowledgedRange = { from: 'e/', to: 'e0' } as const
export const filterRange = { from: 'f/', to: 'f0' } as const
export const editRange = { from: 'r/', to: 'r0' } as const

const formatVersion = 2

const pad = (number: number): string => String(number).padStart(16, '0')

export const exceptionKey = (offset: number): string => `x/${pad(offset)}`
export const heldKeyKey = (place: number): string => `k/${pad(place)}`
export const crashedKey = (offset: number): string => `c/${pad(offset)}`
export const unreadableKey = (offset: number): string => `u/${pad(offset)}`
export const deadKey = (offset: number): string => `d/${pad(offset)}`
export const parkedKey = (place: number, offset: number): string => `p/${pad(place)}/${pad(offset)}`
export const scheduledKey = (due: number, offset: number): string => `t/${pad(due)}/${pad(offset)}`
export const dueKey = (offset: number): string => `s/${pad(offset)}`
export const editKey = (offset: number): string => `r/${pad(offset)}`
export const answerKey = (counter: number): string => `a/${pad(counter)}`
const unacknowledgedKey = (generation: number, part: number): string => `e/${pad(generation)}/${pad(part)}`
export const filterKey = (generation: number, after: number): string => `f/${pad(generation)}/${pad(after)}`
const partSize = 10_000

/** The entries of one place with offsets from `from` on, below `to`. */
export function parkedBetween(place: number, from: number, to: number): LedgerRange {
  return { from: parkedKey(place, from), to: to === Infinity ? `p/${pad(place)}0` : parkedKey(place, to) }
}

/** The offset at the end of any key but `state`. */
export function offsetOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('/') + 1))
}

/** The place of a `p/` key. */
export function placeOf(key: string): number {
  return Number(key.slice(2, key.lastIndexOf('/')))
}

/** When the event of a `t/` key is due, in milliseconds since 1970. */
export function dueOf(key: string): number {
  return Number(key.slice(2, key.lastIndexOf('/')))
}

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
  readonly earlier: readonly StoredGeneration[]
  /** A seek to `start` has begun, and entries of the generation before that lie above are still to be removed. */
  readonly sweeping?: true
}

export interface StoredCounts {
  readonly acknowledged: number
  readonly filtered: number
  readonly superseded: number
  readonly skipped: number
  readonly discarded: number
  /** What stands aside in the ledger at present. */
  readonly dead: number
  readonly parked: number
  readonly scheduled: number
  /** How much of that was there when the generation began. */
  readonly carried: number
}

/** An earlier generation, as a seek ended it: it had acknowledged what it wanted of (`start`, `through`], with exceptions. */
export interface StoredGeneration {
  readonly generation: number
  readonly start: number
  readonly through: number
  readonly effects: 'skip' | 'run' | 'missing'
}

export interface StoredException {
  readonly offset: number
  readonly key?: string
  readonly state: Entry['state']
  readonly attempts: number
  /** Whether the attempt under way is in `attempts` already. */
  readonly counted?: boolean
  readonly suspect?: boolean
  readonly lease?: string
  readonly due?: { readonly wall: number; readonly delayMs: number }
  readonly reason?: string
  /** Of a dead letter: since when, in milliseconds since 1970. */
  readonly deadAt?: number
  /** Which edit by an operator is handed out in its place. */
  readonly edit?: number
}

/** What an operator put in the place of a dead letter, for one subscription, until it is settled. */
export interface StoredEdit {
  /** 1 for the first edit of the letter. */
  readonly edit: number
  readonly by: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** The event with its new payload, as a CloudEvent in structured mode with `data_base64`. */
  readonly event: string
}

export interface StoredHeldKey {
  readonly place: number
  readonly key: string
  readonly dead: readonly number[]
  readonly parkedFrom?: number
  readonly parked: number
}

export function initialState(start: number): StoredState {
  return {
    generation: 1,
    start,
    through: start,
    open: [],
    leaseMark: start,
    holders: [],
    counts: noCounts,
    watermark: 0,
    earlier: [],
  }
}

export const noCounts: StoredCounts = {
  acknowledged: 0,
  filtered: 0,
  superseded: 0,
  skipped: 0,
  discarded: 0,
  dead: 0,
  parked: 0,
  scheduled: 0,
  carried: 0,
}

export function storeState(state: StoredState): LedgerChange {
  // Open offsets are kept as distances, so that a busy shard writes little.
  let before = state.start
  const open = state.open.map((offset) => {
    const distance = offset - before
    before = offset
    return distance
  })
  return { key: stateKey, value: write({ ...state, open }) }
}

export function readState(value: string): StoredState {
  const { open, ...state } = read<StoredState>(value)
  let before = state.start
  return { ...state, open: open.map((distance) => (before += distance)) }
}

export function storeException(entry: Entry, deadAt?: number): string {
  const { key } = entry.queue
  return write({
    ...(key === undefined ? {} : { key }),
    // A stream's lease does not outlive the broker: after a crash its holder presents it again or is missed.
    state: entry.state === 'leased' && !entry.lease?.pull ? 'ready' : entry.state,
    attempts: entry.attempts,
    ...(entry.counted ? { counted: true } : {}),
    ...(entry.suspect ? { suspect: true } : {}),
    ...(entry.lease?.pull ? { lease: entry.lease.id } : {}),
    ...(entry.due ? { due: { wall: entry.due.wall, delayMs: entry.due.delayMs } } : {}),
    ...(entry.reason === undefined ? {} : { reason: entry.reason }),
    ...(deadAt === undefined ? {} : { deadAt }),
    ...(entry.edit === undefined ? {} : { edit: entry.edit }),
  })
}

export function readException({ key, value }: LedgerEntry): StoredException {
  return { ...read<Omit<StoredException, 'offset'>>(value), offset: offsetOf(key) }
}

export function storeHeldKey(held: StoredHeldKey): LedgerChange {
  const { place, ...rest } = held
  return { key: heldKeyKey(place), value: write(rest) }
}

export function readHeldKey({ key, value }: LedgerEntry): StoredHeldKey {
  return { ...read<Omit<StoredHeldKey, 'place'>>(value), place: offsetOf(key) }
}

/** An event that is aside with no attempt of its own: its key, where that does not say its place, and its edit. */
export function storeUntried(key: string | undefined, edit?: number): string {
  return write({
    ...(key === undefined ? {} : { key }),
    state: 'ready',
    attempts: 0,
    ...(edit === undefined ? {} : { edit }),
  })
}

export function storeEdit(offset: number, edit: StoredEdit): LedgerChange {
  return { key: editKey(offset), value: write(edit) }
}

export function readEdit({ value }: LedgerEntry): StoredEdit {
  return read<StoredEdit>(value)
}

/** The exceptions of a generation, in parts, because there may be a million. */
export function storeUnacknowledged(generation: number, offsets: readonly number[]): LedgerChange[] {
  const parts = Array.from({ length: Math.ceil(offsets.length / partSize) }, (_, part) =>
    offsets.slice(part * partSize, (part + 1) * partSize),
  )
  return parts.map((part, index) => ({ key: unacknowledgedKey(generation, index), value: write({ offsets: part }) }))
}

export function readUnacknowledged({ key, value }: LedgerEntry): { generation: number; offsets: readonly number[] } {
  return { generation: Number(key.slice(2, key.lastIndexOf('/'))), ...read<{ offsets: readonly number[] }>(value) }
}

export function storeFilter(filter: SubscriptionFilter): string {
  return write({ filter })
}

export function readFilter({ key, value }: LedgerEntry): {
  readonly generation: number
  readonly after: number
  readonly filter: SubscriptionFilter
} {
  const { filter } = read<{ filter: SubscriptionFilter }>(value)
  return { generation: Number(key.slice(2, key.lastIndexOf('/'))), after: offsetOf(key), filter }
}

/** Which entries to remove once a generation is too old to matter. */
export function unacknowledgedKeys(generation: number, count: number): readonly string[] {
  return Array.from({ length: Math.ceil(count / partSize) }, (_, part) => unacknowledgedKey(generation, part))
}

/** A stored due time on the clocks of this process; a wall clock that was set back cannot postpone it beyond its delay. */
export function restoreDue(due: { wall: number; delayMs: number }, now: Moment): NonNullable<Entry['due']> {
  const remainingMs = Math.min(Math.max(0, due.wall - now.wall), due.delayMs)
  return { monotonic: now.monotonic + remainingMs, wall: now.wall + remainingMs, delayMs: due.delayMs }
}

function write(value: object): string {
  return JSON.stringify({ v: formatVersion, ...value })
}

function read<Value>(text: string): Value {
  const { v, ...value } = JSON.parse(text) as Value & { v: number }
  if (v === formatVersion) return value as Value
  throw new TidingsError(
    'store-version',
    `The ledger was written in format ${String(v)}; this version of Tidings reads format ${formatVersion}. Use the version that wrote it, or a newer one.`,
  )
}
