import { TidingsError } from '../errors.ts'
import type { Departure, StoreStanding } from './transfer.ts'

/** Refuses a store that does not serve; `what` names it at the beginning of a sentence. */
export function ensureServes({ arrival, departure }: Pick<StoreStanding, 'arrival' | 'departure'>, what: string): void {
  if (departure) throw storeMoved(departure, what)
  if (!arrival) return
  throw new TidingsError(
    'store-moved',
    `${what} is being moved here from ${arrival.from}, and that has not ended; run the same move again.`,
    { details: { ...arrival } },
  )
}

export function storeMoved({ to }: Pick<Departure, 'to'>, what: string): TidingsError {
  return new TidingsError(
    'store-moved',
    `${what} was moved to ${to}; use it there, or move everything back from there first.`,
    { details: { to } },
  )
}
