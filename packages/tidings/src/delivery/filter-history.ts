import type { Event, SubscriptionFilter } from '../event/index.ts'
import type { LedgerEntry } from '../engine/index.ts'
import { compileFilter, type EventMatcher } from './filter.ts'
import { filterKey, readFilter, storeFilter } from './ledger-form.ts'
import type { ShardState } from './shard-state.ts'

interface Span {
  /** It was asked about every event after this offset, up to the next span. */
  readonly after: number
  readonly filter: SubscriptionFilter
  matches?: EventMatcher
}

/**
 * Which filter each generation asked about which events. A filter may change, and a later generation has to tell what
 * an earlier one acknowledged, and is a replay, from what it filtered out, and comes for the first time.
 */
export class FilterHistory {
  readonly #spans = new Map<number, Span[]>()

  constructor(stored: readonly LedgerEntry[]) {
    for (const { generation, after, filter } of stored.map(readFilter)) this.#of(generation).push({ after, filter })
  }

  /** From the next event on, this is the filter of the present generation. */
  set({ generation, start, cursor, unsaved }: ShardState, filter: SubscriptionFilter): void {
    const spans = this.#of(generation)
    const last = spans.at(-1)
    if (last && JSON.stringify(last.filter) === JSON.stringify(filter)) return
    const after = last ? cursor : start
    // After a crash, events that an earlier filter saw are looked at again, and it is this one that is asked.
    while ((spans.at(-1)?.after ?? -1) >= after) unsaved.write(filterKey(generation, spans.pop()!.after), null)
    spans.push({ after, filter, matches: compileFilter(filter) })
    unsaved.write(filterKey(generation, after), storeFilter(filter))
  }

  /** The filter that a generation has at its end. */
  latest(generation: number): SubscriptionFilter {
    return this.#of(generation).at(-1)?.filter ?? {}
  }

  /** Whether a generation wanted the event at this offset. */
  wanted(generation: number, offset: number, event: Event): boolean {
    const spans = this.#of(generation)
    let index = spans.length - 1
    while (index > 0 && spans[index]!.after >= offset) index--
    const span = spans[index]
    if (!span) return true
    span.matches ??= compileFilter(span.filter)
    return span.matches(event)
  }

  #of(generation: number): Span[] {
    let spans = this.#spans.get(generation)
    if (!spans) this.#spans.set(generation, (spans = []))
    return spans
  }
}
