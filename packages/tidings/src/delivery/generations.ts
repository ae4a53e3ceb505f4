import type { Entry } from './entry.ts'
import { storeUnacknowledged, unacknowledgedKeys, type StoredGeneration } from './ledger-form.ts'
import type { ReplayEffects } from './policy.ts'
import type { ShardState } from './shard-state.ts'

export interface EarlierGeneration extends StoredGeneration {
  /** Ascending offsets that it had not acknowledged: unfinished, parked, scheduled or dead. */
  readonly exceptions: readonly number[]
}

/**
 * Ends the present generation and begins one after `start`. What the one before had acknowledged is remembered as far
 * as it could come again: everything that it looked at, except what was unfinished or `aside`, and only what its filter wanted.
 */
export function beginGeneration(
  state: ShardState,
  next: {
    readonly start: number
    readonly effects: ReplayEffects
    readonly aside: readonly number[]
  },
): void {
  const { start, effects, aside } = next
  const ended: EarlierGeneration = {
    generation: state.generation,
    start: state.start,
    through: state.cursor,
    exceptions: [...state.entries.keys(), ...aside].sort((left, right) => left - right),
    effects,
  }
  state.earlier = [ended, ...state.earlier.map((generation) => ({ ...generation, effects }))]
  writeExceptions(state, ended)
  const filter = state.filters.latest(state.generation)
  state.clear(start)
  state.generation++
  state.filters.set(state, filter)
}

/** An event from before the start of this generation, which no earlier one had acknowledged, is acknowledged after all. */
export function acknowledgeEarlier(state: ShardState, offset: number): void {
  if (offset > state.start) return
  state.earlier = state.earlier.map((generation) => {
    if (!contains(generation.exceptions, offset)) return generation
    for (const key of unacknowledgedKeys(generation.generation, generation.exceptions.length)) {
      state.unsaved.write(key, null)
    }
    const amended = { ...generation, exceptions: generation.exceptions.filter((other) => other !== offset) }
    writeExceptions(state, amended)
    return amended
  })
}

function writeExceptions({ unsaved }: ShardState, { generation, exceptions }: EarlierGeneration): void {
  for (const { key, value } of storeUnacknowledged(generation, exceptions)) unsaved.write(key, value)
}

/** What the replay of an event is to do, if any generation before acknowledged it; `undefined` for a first delivery. */
export function replayOf({ earlier, filters }: ShardState, { offset, record }: Entry): ReplayEffects | undefined {
  if (!record) return undefined
  const acknowledged = earlier.find(
    ({ generation, start, through, exceptions }) =>
      offset > start &&
      offset <= through &&
      !contains(exceptions, offset) &&
      filters.wanted(generation, offset, record.event),
  )
  return acknowledged?.effects
}

/** Whether an ascending list holds a value: what was unfinished at a seek may be a hundred thousand parked events. */
function contains(ascending: readonly number[], value: number): boolean {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]! < value) low = middle + 1
    else high = middle
  }
  return ascending[low] === value
}
