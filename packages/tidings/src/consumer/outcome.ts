import type { OutcomeAction } from '../broker/port/deliveries.ts'
import { RetryError, TerminalError } from '../errors.ts'
import { outageClassOf, retryAfterOf } from './outage-class.ts'

const longestReason = 1_000
const yearMs = 31_536_000_000

/** What a handler's error means for its delivery; `now` is in milliseconds since 1970. */
export function outcomeOf(error: unknown, now: number): OutcomeAction {
  const reason = reasonOf(error)
  if (error instanceof TerminalError) return { action: 'dead-letter', reason }
  const said = error instanceof RetryError ? error : undefined
  const outage = said?.outage ?? outageClassOf(error)
  const afterMs = said?.afterMs ?? retryAfterOf(error, now)
  return {
    action: 'retry',
    reason,
    ...(afterMs !== undefined && { afterMs: Math.min(afterMs, yearMs) }),
    ...(outage !== undefined && { outage }),
  }
}

export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `It threw ${typeof error}: ${String(error)}`
  return text.length > longestReason ? `${text.slice(0, longestReason)}…` : text
}
