import type { CoalescePolicy, Pause, SubscriptionDescription } from 'tidings/broker'
import { count, duration, fields, time } from '../text.ts'

/** A subscription for people. */
export function describeSubscription(description: SubscriptionDescription): string {
  const { subscription, topic, filter, policy, generation, floor, paused, seekRate } = description
  const { types, ...dialects } = filter
  const { quickDelaysMs, minDelayMs, maxDelayMs, maxAttempts } = policy.retry
  const quick = quickDelaysMs.length === 0 ? '' : `after ${quickDelaysMs.map(duration).join(', ')}, then `
  return fields([
    ['subscription', subscription],
    ['topic', topic],
    ['types', types?.join(', ') ?? 'all'],
    ...(Object.keys(dialects).length > 0 ? [['filter', JSON.stringify(dialects)] as const] : []),
    ['floor', floor],
    ['generation', String(generation)],
    ['paused', paused ? pauseInWords(paused) : 'no'],
    ['on dead letter', policy.onDeadLetter],
    ...(policy.coalesce ? [['coalesced', coalesceInWords(policy.coalesce)] as const] : []),
    [
      'expires',
      policy.expiresAfterMs === undefined ? 'never' : `${duration(policy.expiresAfterMs)} after the last consumer`,
    ],
    ...(policy.priorities ?? []).map((first, index) => [`priority ${index}`, JSON.stringify(first)] as const),
    ...(policy.delayMs > 0 ? [['delay', duration(policy.delayMs)] as const] : []),
    ['in flight', policy.maxInFlight === undefined ? 'no limit' : `at most ${policy.maxInFlight}`],
    ['rate', policy.rate ? `${policy.rate.perSecond} a second, ${policy.rate.burst} at once` : 'no limit'],
    ...(seekRate ? [['seek', `${seekRate.perSecond} a second until ${seekRate.until}`] as const] : []),
    [
      'retries',
      `${quick}${duration(minDelayMs)} to ${duration(maxDelayMs)} apart, ${count(maxAttempts, 'attempt')} in all`,
    ],
  ])
}

function coalesceInWords({ intervalMs, urgent }: CoalescePolicy): string {
  const exception = urgent ? `; urgent are ${JSON.stringify(urgent)}` : ''
  return `one event per key in ${duration(intervalMs)}${exception}`
}

export function pauseInWords({ at, by }: Pause): string {
  return `since ${time(at)}, by ${by}`
}
