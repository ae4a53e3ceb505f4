const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const longestRetryAfterMs = 7 * 24 * hour

/**
 * The schedule that Standard Webhooks 1.0.0 recommends: ten attempts within 75 hours, 35 minutes and 5 seconds. These
 * are the pauses between them.
 */
export const standardDelaysMs: readonly number[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
]

/** How long the whole schedule takes. */
export function spanOf(delaysMs: readonly number[]): number {
  return delaysMs.reduce((sum, delayMs) => sum + delayMs, 0)
}

/**
 * What a `Retry-After` asks for (RFC 9110, section 10.2.3: seconds or a date), in milliseconds from now; nothing where
 * it cannot be read. Nobody is believed for more than a week, because a mistake there would look like silence.
 */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  const askedMs = /^\d{1,12}$/.test(text) ? Number(text) * second : untilDate(text, now)
  return Number.isFinite(askedMs) ? Math.min(Math.max(0, askedMs), longestRetryAfterMs) : undefined
}

function untilDate(text: string, now: number): number {
  if (!/^[A-Z][a-z]+,? /.test(text)) return Number.NaN
  // The oldest of the three forms of a date has no zone in it; all three mean GMT.
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) - now
}
