import { setTimeout as pause } from 'node:timers/promises'
import { TidingsError } from 'tidings'
import type { Session } from '../session.ts'

const shortestPauseMs = 500
const longestPauseMs = 2_000

/**
 * Asks until there is an answer; `undefined` when interrupted before. Who follows waits for a server that is gone, also
 * from the beginning, and is told once.
 */
export async function askPatiently<Answer>(
  { output }: Session,
  { follow, signal }: { readonly follow: boolean; readonly signal: AbortSignal },
  ask: () => Promise<Answer>,
): Promise<Answer | undefined> {
  for (let pauseMs = shortestPauseMs; !signal.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    try {
      return await ask()
    } catch (error) {
      if (!follow || !(error instanceof TidingsError) || !error.retryable) throw error
      if (pauseMs === shortestPauseMs) output.note(`${error.message} Trying until it is back.`)
      await pause(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }
  return undefined
}
