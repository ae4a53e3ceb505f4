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
 * as it could come again: everything that it looked at, except what was unfinished or `aside`, and only of its own types.
 */
export function beginGeneration(
  state: ShardState,
  next: {
    readonly start: number
    readonly effects: ReplayEffects
    readonly types: ReadonlySet<string> | undefined
    readonly aside: readonly number[]
  },
): void {
  const { start, effects, types, aside } = next
  const ended: EarlierGeneration = {
    generation: state.generation,
    start: state.start,
    through: state.cursor,
    exceptions: [...state.entries.keys(), ...aside].sort((left, right) => left - right),
    effects,
    ...(types ? { types: [...types] } : {}),
  }
  state.earlier = [ended, ...state.earlier.map((generation) => ({ ...generation, effects }))]
  writeExceptions(state, ended)
  state.clear(start)
  state.generation++
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
export function replayOf(earlier: readonly EarlierGeneration[], { offset, record }: Entry): ReplayEffects | undefined {
  const type = record?.event.type
  const acknowledged = earlier.find(
    ({ start, through, exceptions, types }) =>
      offset > start &&
      offset <= through &&
      (!types || (type !== undefined && types.includes(type))) &&
      !contains(exceptions, offset),
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
