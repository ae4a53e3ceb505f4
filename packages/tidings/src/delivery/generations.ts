import type { Entry } from './entry.ts'
import type { EarlierGeneration } from './ledger-form.ts'
import type { ReplayEffects } from './policy.ts'
import type { ShardState } from './shard-state.ts'

/**
 * Ends the present generation and begins one after `start`. What the one before had acknowledged is remembered as far
 * as it comes again: everything that it looked at, except what was unfinished or dead, and only of its own types.
 */
export function beginGeneration(
  state: ShardState,
  next: { readonly start: number; readonly effects: ReplayEffects; readonly types: ReadonlySet<string> | undefined },
): void {
  const { start, effects, types } = next
  const ended: EarlierGeneration = {
    start: state.start,
    through: state.cursor,
    exceptions: [...state.entries.keys()].sort((left, right) => left - right),
    effects,
    ...(types ? { types: [...types] } : {}),
  }
  const before = state.earlier.map((generation) => ({ ...generation, effects }))
  state.earlier = [ended, ...before].filter((generation) => generation.through > start)
  state.clear(start)
  state.generation++
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
