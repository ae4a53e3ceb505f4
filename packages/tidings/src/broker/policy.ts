import { TidingsError } from '../errors.ts'
import { compileFilter, defaultPolicy, defaultRetryPolicy, type DeliveryPolicy } from '../delivery/index.ts'
import type { StoredSubscription } from './catalog.ts'
import type { SubscriptionFilter } from '../event/index.ts'
import type { SubscriptionPolicy } from './port/subscriptions.ts'
import { priorityPolicy } from './priorities.ts'

/** The filter as it is kept; a `bad-request` says which part of it makes no sense. */
export function checkFilter(filter: SubscriptionFilter = {}): SubscriptionFilter {
  compileFilter(filter)
  return filter
}

/** The policy with its defaults; a `bad-request` says which part of it makes no sense. */
export function resolvePolicy(policy: SubscriptionPolicy = {}): StoredSubscription['policy'] {
  const onDeadLetter = policy.onDeadLetter ?? (policy.coalesce ? 'supersede' : 'park')
  const retry = { ...defaultRetryPolicy, ...policy.retry }
  if (!['park', 'supersede', 'continue'].includes(onDeadLetter)) {
    throw new TidingsError('bad-request', `"onDeadLetter" must be park, supersede or continue; it was ${onDeadLetter}.`)
  }
  const delays = [...retry.quickDelaysMs, retry.minDelayMs, retry.maxDelayMs]
  const sound = delays.every((delay) => Number.isFinite(delay) && delay >= 0) && retry.minDelayMs <= retry.maxDelayMs
  if (!sound || !Number.isInteger(retry.maxAttempts) || retry.maxAttempts < 1) {
    throw new TidingsError(
      'bad-request',
      'A retry policy needs delays of 0 or more, minDelayMs ≤ maxDelayMs and a whole maxAttempts of at least 1.',
    )
  }
  const { delayMs = 0 } = policy
  if (!(Number.isFinite(delayMs) && delayMs >= 0)) {
    throw new TidingsError('bad-request', `"delayMs" must be a number of milliseconds from 0; it was ${delayMs}.`)
  }
  return {
    onDeadLetter,
    retry,
    delayMs,
    ...flowPolicy(policy),
    ...coalescePolicy(policy),
    ...priorityPolicy(policy.priorities, { coalesce: policy.coalesce, onDeadLetter }),
    outage: outagePolicy(policy),
    ...expiryPolicy(policy),
  }
}

function expiryPolicy({ expiresAfterMs }: SubscriptionPolicy): Pick<SubscriptionPolicy, 'expiresAfterMs'> {
  if (expiresAfterMs === undefined) return {}
  if (Number.isInteger(expiresAfterMs) && expiresAfterMs >= 1_000 && expiresAfterMs <= 31_536_000_000) {
    return { expiresAfterMs }
  }
  throw new TidingsError(
    'bad-request',
    `"expiresAfterMs" must be a whole number from 1,000 to 31,536,000,000; it was ${expiresAfterMs}. Without it, a subscription stays until somebody removes it.`,
  )
}

/** Parts of the policy that a stored subscription does not speak of have their defaults. */
export function completed(stored: StoredSubscription): StoredSubscription {
  return { ...stored, policy: { ...defaultPolicy, ...stored.policy } }
}

const longestIntervalMs = 86_400_000

function coalescePolicy(policy: SubscriptionPolicy): Pick<DeliveryPolicy, 'coalesce'> {
  const { coalesce, onDeadLetter = 'supersede', delayMs = 0 } = policy
  if (coalesce === undefined) return {}
  const refuse = (message: string): TidingsError => new TidingsError('bad-request', message)
  const { intervalMs, urgent } = coalesce
  if (!(Number.isFinite(intervalMs) && intervalMs >= 0 && intervalMs <= longestIntervalMs)) {
    throw refuse(`"coalesce.intervalMs" must be a number of milliseconds from 0 to 86,400,000; it was ${intervalMs}.`)
  }
  if (onDeadLetter !== 'supersede') {
    throw refuse(
      `"coalesce" and "onDeadLetter": "${onDeadLetter}" contradict each other: the newest event of a key replaces one that failed. Leave "onDeadLetter" out, or say supersede.`,
    )
  }
  if (delayMs > 0) {
    throw refuse(
      '"coalesce" and "delayMs" contradict each other: the first event of a key and urgent ones go at once. Leave one out.',
    )
  }
  if (urgent === undefined) return { coalesce: { intervalMs } }
  compileFilter(urgent, 'coalesce.urgent')
  return { coalesce: { intervalMs, urgent } }
}

function flowPolicy({ maxInFlight, rate }: SubscriptionPolicy): Pick<DeliveryPolicy, 'maxInFlight' | 'rate'> {
  const most = 1_000_000
  if (maxInFlight !== undefined && !(Number.isInteger(maxInFlight) && maxInFlight >= 1 && maxInFlight <= most)) {
    throw new TidingsError(
      'bad-request',
      `"maxInFlight" must be a whole number from 1 to 1,000,000; it was ${maxInFlight}. To hand out nothing, pause the subscription.`,
    )
  }
  const limit = maxInFlight === undefined ? {} : { maxInFlight }
  if (rate === undefined) return limit
  const { perSecond, burst = Math.max(1, Math.ceil(perSecond)) } = rate
  if (!(perSecond >= 0.0001 && perSecond <= most) || !(Number.isInteger(burst) && burst >= 1 && burst <= most)) {
    throw new TidingsError(
      'bad-request',
      `A rate needs "perSecond" from 0.0001 to 1,000,000 and a whole "burst" from 1 to 1,000,000; it was ${JSON.stringify(rate)}.`,
    )
  }
  return { ...limit, rate: { perSecond, burst } }
}

function outagePolicy(policy: SubscriptionPolicy): DeliveryPolicy['outage'] {
  const outage = { ...defaultPolicy.outage, ...policy.outage }
  const bounds = { keys: [2, 1_000], windowMs: [1_000, 86_400_000], probeMs: [10, 3_600_000] } as const
  for (const name of ['keys', 'windowMs', 'probeMs'] as const) {
    const [least, most] = bounds[name]
    if (Number.isInteger(outage[name]) && outage[name] >= least && outage[name] <= most) continue
    throw new TidingsError(
      'bad-request',
      `"outage.${name}" must be a whole number from ${least} to ${most}; it was ${outage[name]}.`,
    )
  }
  return outage
}
