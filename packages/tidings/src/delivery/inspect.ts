import type { LedgerEntry, LogRecord } from '../engine/index.ts'
import type { Entry } from './entry.ts'
import { deadKey, dueKey, parkedKey, readException } from './ledger-form.ts'
import type { DeliveryMachine } from './machine.ts'

/** Counts of one shard; see `SubscriptionStats` of the broker. */
export interface ShardCounts {
  readonly acknowledged: number
  readonly filtered: number
  readonly superseded: number
  readonly skipped: number
  readonly discarded: number
  readonly carried: number
  readonly dead: number
  readonly unreadable: number
  readonly ready: number
  readonly leased: number
  readonly retrying: number
  readonly waiting: number
  readonly parked: number
  readonly scheduled: number
}

export function shardCounts({ state }: DeliveryMachine): ShardCounts {
  const atHand = { ready: 0, leased: 0, retrying: 0, waiting: 0 }
  for (const entry of state.entries.values()) atHand[entry.state]++
  return {
    ...state.counts,
    ...atHand,
    unreadable: state.unreadable.size,
    filtered: state.counts.filtered + state.passed.waiting('filtered'),
    skipped: state.counts.skipped + state.passed.waiting('skipped'),
  }
}

/** Where one event stands; offsets, not positions. */
export type Standing =
  | { readonly state: 'before-start' | 'filtered' | 'skipped' | 'settled' | 'unread' }
  | { readonly state: 'ready'; readonly heldBack?: 'interval' }
  | { readonly state: 'behind'; readonly key: string; readonly head: number }
  | { readonly state: 'parked'; readonly key: string; readonly deadLetter?: number }
  | { readonly state: 'leased'; readonly holder: string; readonly attempt: number; readonly until?: number }
  | { readonly state: 'retrying' | 'waiting'; readonly at: number; readonly attempts: number; readonly reason: string }
  | { readonly state: 'scheduled'; readonly at: number }
  | { readonly state: 'dead'; readonly reason: string; readonly attempts: number; readonly at: number }

/** The keys of the ledger that say whether an event is aside; what they hold goes to `standing`. */
export function asideKeys({ state }: DeliveryMachine, { offset, event }: LogRecord): readonly string[] {
  const place = event.key === undefined ? undefined : state.queues.get(event.key)?.place
  const keys = [deadKey(offset), dueKey(offset)]
  return place === undefined ? keys : [...keys, parkedKey(place, offset)]
}

export function standing(machine: DeliveryMachine, record: LogRecord, found: readonly LedgerEntry[]): Standing {
  const { state } = machine
  const entry = state.entries.get(record.offset)
  if (entry) return entryStanding(entry, state.coalescing.holds(entry))
  const [aside] = found
  if (aside) return asideStanding(machine, record, aside)
  if (record.offset <= state.start) return { state: 'before-start' }
  if (record.offset > state.cursor) return { state: 'unread' }
  if (record.stale || record.erased) return { state: 'skipped' }
  return { state: machine.intake.matches(record) ? 'settled' : 'filtered' }
}

function asideStanding({ state }: DeliveryMachine, { event }: LogRecord, aside: LedgerEntry): Standing {
  if (aside.key.startsWith('s/')) return { state: 'scheduled', at: Number(aside.value) }
  const { reason = '', attempts, deadAt = 0 } = readException(aside)
  if (aside.key.startsWith('d/')) return { state: 'dead', reason, attempts, at: deadAt }
  const key = event.key ?? ''
  const deadLetter = state.queues.get(key)?.dead[0]
  return { state: 'parked', key, ...(deadLetter === undefined ? {} : { deadLetter }) }
}

function entryStanding(entry: Entry, rests: boolean): Standing {
  const { attempts, reason = '', queue } = entry
  switch (entry.state) {
    case 'leased': {
      const attempt = attempts + (entry.counted ? 0 : 1)
      return { state: 'leased', holder: entry.lease!.holder, attempt, ...(entry.due ? { until: entry.due.wall } : {}) }
    }
    case 'retrying':
    case 'waiting':
      return { state: entry.state, at: entry.due!.wall, attempts, reason }
    case 'ready': {
      const head = queue.head!
      if (head === entry || queue.key === undefined)
        return { state: 'ready', ...(rests ? { heldBack: 'interval' } : {}) }
      return { state: 'behind', key: queue.key, head: head.offset }
    }
  }
}

/** How many events of its key wait behind a dead letter. */
export function parkedBehind({ state }: DeliveryMachine, offset: number, key: string | undefined): number {
  const queue = key === undefined ? undefined : state.queues.get(key)
  return queue?.dead[0] === offset ? queue.parked : 0
}
