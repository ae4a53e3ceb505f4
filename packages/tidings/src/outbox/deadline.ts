import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'

/**
 * What `promise` resolves to, unless time runs out or `signal` aborts first: then nothing is known of it, and its late
 * answer is dropped.
 */
export function within<Result>(
  promise: Promise<Result>,
  options: { readonly environment: Environment; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Result> {
  const { environment, timeoutMs, signal } = options
  return new Promise<Result>((resolve, reject) => {
    const end = (): void => {
      cancel()
      signal.removeEventListener('abort', abort)
    }
    const give = (code: 'unavailable' | 'stopped', message: string): void => {
      end()
      reject(new TidingsError(code, message))
    }
    const abort = (): void => give('stopped', 'The outbox was stopped before the broker answered.')
    const cancel = environment.timers.after(timeoutMs, () => {
      give('unavailable', `The broker did not answer within ${timeoutMs} ms.`)
    })
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(end)
  })
}
