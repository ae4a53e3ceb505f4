import type { OutcomeAction } from '../broker/port.ts'
import { RetryError, TerminalError } from '../errors.ts'

const longestReason = 1_000

/** What a handler's error means for its delivery. */
export function outcomeOf(error: unknown): OutcomeAction {
  const reason = reasonOf(error)
  if (error instanceof TerminalError) return { action: 'dead-letter', reason }
  if (error instanceof RetryError) return { action: 'retry', reason, afterMs: error.afterMs }
  return { action: 'retry', reason }
}

export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `It threw ${typeof error}: ${String(error)}`
  return text.length > longestReason ? `${text.slice(0, longestReason)}…` : text
}
