import type { Limit } from '../limits/limits.ts'
import type { Figure, Outcome } from './rounds.ts'

/** One comparison: what was measured, beside what can be at most and beside the others. */
export interface Table {
  readonly title: string
  /** What a reader has to know to trust it: durability, sizes, what is counted. */
  readonly note?: string
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
  readonly charts?: readonly Chart[]
}

export interface Column {
  readonly title: string
  /** Such as `msg/s` or `ms`. */
  readonly unit: string
}

export interface Row {
  readonly name: string
  /** For each column; `null` where it has no such figure. Absent where nothing was measured. */
  readonly values?: readonly (Figure | null)[]
  /** Of the whole box, load generator included. */
  readonly cpuSecondsPerMillion?: Figure
  /** Of what the machine can do at most. A share above 1 means that the audit failed, and the table says so. */
  readonly share?: Share
  /** By the name of each peer, how many times better than that peer this is. */
  readonly ratios?: Readonly<Record<string, number>>
  readonly bars?: readonly Bar[]
  /** What else was seen, such as `3 duplicated`. */
  readonly remark?: string
  /** Why there are no figures: it could not run, or it lost something. */
  readonly notMeasured?: string
}

export interface Share {
  readonly limit: string
  readonly share: number
}

/** What was promised, and whether it was kept. */
export interface Bar {
  /** As a reader sees it, such as `≥ 2 × the best D peer`. */
  readonly promise: string
  readonly isMet: boolean
}

/** Series over one axis of categories. */
export interface Chart {
  readonly title: string
  /** Bars compare systems; lines show how something grows. */
  readonly kind: 'bars' | 'lines'
  readonly unit: string
  /** Powers of ten, where the smallest would not be seen beside the largest. */
  readonly isLogarithmic?: boolean
  readonly categories: readonly string[]
  readonly series: readonly Series[]
}

export interface Series {
  readonly name: string
  /** One for each category; `null` where there is none. */
  readonly values: readonly (number | null)[]
}

/** A row of what all runs of a subject gave, or of why there is nothing. */
export function rowOf<Result>(
  name: string,
  outcome: Outcome<Result>,
  describe: (results: readonly Result[]) => Omit<Row, 'name'>,
): Row {
  return 'failure' in outcome ? { name, notMeasured: outcome.failure } : { name, ...describe(outcome.results) }
}

export function shareOf(limit: Limit, value: number): Share {
  return { limit: limit.id, share: value / limit.value.median }
}

/** How many times more than each peer. Those without a speed are left out. */
export function ratiosTo(value: number, peers: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(peers).flatMap(([name, peer]) => (peer === undefined || peer <= 0 ? [] : [[name, value / peer]])),
  )
}
