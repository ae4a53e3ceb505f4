import type { Entry, Moment } from './entry.ts'
import type { ShardState } from './shard-state.ts'
import type { Transitions } from './transitions.ts'

const mostAtOnce = 64

/**
 * Hands out suspects: events that were with a consumer, or may have been, when it or the broker ended without a word.
 *
 * The first goes alone, its attempt counted and committed before it is made, so that an event that kills its process
 * ends as a dead letter. While they are answered, twice as many go at once, up to a limit, so that a crash under load
 * is over soon; those are not counted, because one of several that die together is no more guilty than the others.
 * The next crash makes them go alone again.
 */
export class Suspects {
  readonly #state: ShardState
  readonly #transitions: Transitions

  constructor(state: ShardState, transitions: Transitions) {
    this.#state = state
    this.#transitions = transitions
  }

  /** At most `max` that may go at once; none while earlier ones are unanswered. Those that used their attempts up are buried. */
  take(max: number, now: Moment): readonly Entry[] {
    const { suspects, suspectsInFlight, suspectsAtOnce } = this.#state
    if (suspectsInFlight.size > 0 || suspects.size === 0) return []
    const taken: Entry[] = []
    for (const queue of suspects) {
      if (taken.length >= Math.min(max, suspectsAtOnce)) break
      const entry = queue.head!
      if (entry.attempts < this.#transitions.policy.retry.maxAttempts) taken.push(entry)
      else this.#transitions.bury(entry, `Its consumer ended without an answer ${entry.attempts} times.`, true, now)
    }
    for (const entry of taken) suspectsInFlight.add(entry)
    const [alone, another] = taken
    if (alone && !another) {
      alone.attempts++
      alone.counted = true
      this.#state.store(alone)
    }
    // Whoever asks again has had an answer for all of these: a crash in between says otherwise.
    if (taken.length > 0) this.#state.suspectsAtOnce = Math.min(mostAtOnce, suspectsAtOnce * 2)
    return taken
  }
}
