import type { LogRecord } from '../engine/index.ts'
import type { Entry } from './entry.ts'
import type { DeliveryMachine } from './machine.ts'

/** Counts of one shard; see `SubscriptionStats` of the broker. */
export interface ShardCounts {
  readonly acknowledged: number
  readonly filtered: number
  readonly superseded: number
  readonly skipped: number
  readonly dead: number
  readonly ready: number
  readonly leased: number
  readonly retrying: number
  readonly waiting: number
  readonly parked: number
}

export function shardCounts({ state }: DeliveryMachine): ShardCounts {
  const counts = { ready: 0, leased: 0, retrying: 0, waiting: 0, parked: 0, dead: 0 }
  for (const entry of state.entries.values()) counts[isParked(entry) ? 'parked' : entry.state]++
  return {
    ...counts,
    acknowledged: state.counts.acknowledged,
    superseded: state.counts.superseded,
    filtered: state.counts.filtered + state.passed.waiting('filtered'),
    skipped: state.counts.skipped + state.passed.waiting('skipped'),
  }
}

/** Where one event stands; offsets, not positions. */
export type Standing =
  | { readonly state: 'before-start' | 'filtered' | 'skipped' | 'settled' | 'unread' | 'ready' }
  | { readonly state: 'behind'; readonly key: string; readonly head: number }
  | { readonly state: 'parked'; readonly key: string; readonly deadLetter: number }
  | { readonly state: 'leased'; readonly holder: string; readonly attempt: number; readonly until?: number }
  | { readonly state: 'retrying' | 'waiting'; readonly at: number; readonly attempts: number; readonly reason: string }
  | { readonly state: 'dead'; readonly reason: string; readonly attempts: number; readonly at: number }

export function standing(machine: DeliveryMachine, record: LogRecord): Standing {
  const { state } = machine
  const entry = state.entries.get(record.offset)
  if (entry) return entryStanding(entry)
  if (record.offset <= state.start) return { state: 'before-start' }
  if (record.offset > state.cursor) return { state: 'unread' }
  if (record.stale || record.erased) return { state: 'skipped' }
  return { state: machine.intake.matches(record) ? 'settled' : 'filtered' }
}

function entryStanding(entry: Entry): Standing {
  const { attempts, reason = '', queue } = entry
  switch (entry.state) {
    case 'leased': {
      const attempt = attempts + (entry.counted ? 0 : 1)
      return { state: 'leased', holder: entry.lease!.holder, attempt, ...(entry.due ? { until: entry.due.wall } : {}) }
    }
    case 'retrying':
    case 'waiting':
      return { state: entry.state, at: entry.due!.wall, attempts, reason }
    case 'dead':
      return { state: 'dead', reason, attempts, at: entry.dead!.at }
    case 'ready': {
      const head = queue.head!
      if (head === entry || queue.key === undefined) return { state: 'ready' }
      if (head.state === 'dead') return { state: 'parked', key: queue.key, deadLetter: head.offset }
      return { state: 'behind', key: queue.key, head: head.offset }
    }
  }
}

function isParked(entry: Entry): boolean {
  return entry.state === 'ready' && entry.queue.head !== entry && entry.queue.head?.state === 'dead'
}

/** How many events of its key wait behind a dead letter. */
export function parkedBehind(entry: Entry): number {
  return entry.queue.head === entry ? entry.queue.entries.length - 1 : 0
}
