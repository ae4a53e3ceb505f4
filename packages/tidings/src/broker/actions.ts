import type { EventAction, Explanation } from './port/standing.ts'
import type { SubscriptionAction, SubscriptionState } from './port/subscriptions.ts'

/**
 * Which states of an event at a subscription allow which action of an operator: the broker refuses by this table, and
 * `explain` answers from it what can be done.
 */
export const eventActions: Readonly<Record<Explanation['state'], readonly EventAction[]>> = {
  'before-start': ['seek'],
  filtered: [],
  skipped: [],
  settled: ['seek'],
  unread: [],
  'beyond-retention': [],
  ready: [],
  behind: [],
  // Its dead letter is what can be acted upon.
  parked: [],
  scheduled: ['cancel'],
  leased: [],
  retrying: [],
  waiting: ['wake'],
  dead: ['redrive', 'replace', 'discard'],
}

/** Which states of a subscription allow which action of an operator. */
export const subscriptionActions: Readonly<Record<SubscriptionState, readonly SubscriptionAction[]>> = {
  running: ['seek', 'redrive', 'pause', 'remove'],
  paused: ['seek', 'redrive', 'resume', 'remove'],
}

/** Why an action was refused, and what can be done instead. */
export function refusal(subscription: string, state: Explanation['state'], action: EventAction): string {
  const allowed = eventActions[state]
  const states = Object.entries(eventActions).flatMap(([each, actions]) => (actions.includes(action) ? [each] : []))
  const instead =
    allowed.length === 0 ? 'nothing can be done with it there' : `what can be done is: ${allowed.join(', ')}`
  return `The event is "${state}" at ${subscription}, and only one that is ${states.join(' or ')} allows ${action}; ${instead}.`
}
