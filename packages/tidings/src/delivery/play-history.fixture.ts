import { History, require } from './history.fixture.ts'
import { defaultPolicy, defaultRetryPolicy } from './index.ts'

/** `coalesce` is that of a subscription which wants the newest of each key. */
export const historyPolicies = ['park', 'supersede', 'continue', 'coalesce'] as const
const coalesce = { intervalMs: 1_500, urgent: { exact: { subject: 'blue' } } }

/**
 * Plays one history of so many steps, lets it come to rest, and rejects what must not be. Answers how many steps were
 * taken in outages.
 */
export function playHistory({
  seed,
  steps,
  policy,
}: {
  seed: number
  steps: number
  policy: (typeof historyPolicies)[number]
}): { readonly outages: number } {
  const retry = { ...defaultRetryPolicy, maxAttempts: 3 }
  const history = new History(seed, {
    ...defaultPolicy,
    ...(policy === 'coalesce' ? { onDeadLetter: 'supersede' as const, coalesce } : { onDeadLetter: policy }),
    retry,
    outage: { keys: 2, windowMs: 600_000, probeMs: 500 },
  })
  let outages = 0
  for (let step = 0; step < steps; step++) {
    history.step()
    if (history.bench.outage.present) outages++
  }
  history.drain()
  const { machine, floor, log } = history.bench
  require(machine.state.entries.size === 0, 'nothing is left at hand')
  require(floor === log.length, `the floor is at the end: ${floor} of ${log.length}`)
  const places = history.bench.places()
  require(places.join() === 'state', `nothing but the state is left in the ledger: ${places.join(', ')}`)
  return { outages }
}
