import { seededRandom } from './random.ts'

export type FaultKind = 'kill-marketing' | 'kill-server' | 'fail-mail'

export interface PlannedFault {
  readonly kind: FaultKind
  /** Comes when so many orders have been thanked for by mail. */
  readonly afterOrders: number
  /** … and then at some moment of the work that follows. */
  readonly delayMs: number
}

const kinds: readonly FaultKind[] = [
  'kill-marketing',
  'kill-server',
  'kill-marketing',
  'fail-mail',
  'kill-server',
  'kill-marketing',
  'kill-server',
  'kill-marketing',
]

/**
 * The faults of one seed, in order: each somewhere in a part of the year of its own, so that every run is hit early,
 * late and in between.
 */
export function planFaults(seed: number, orders: number): readonly PlannedFault[] {
  const random = seededRandom(seed, 'faults')
  const shuffled = kinds.map((kind) => ({ kind, place: random() })).toSorted((left, right) => left.place - right.place)
  const part = (orders * 0.9) / kinds.length
  return shuffled.map(({ kind }, index) => ({
    kind,
    afterOrders: Math.floor(orders * 0.03 + part * (index + random() * 0.8)),
    delayMs: Math.floor(random() * 150),
  }))
}
