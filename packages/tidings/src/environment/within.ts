import type { Environment } from './environment.ts'

export interface WithinOptions {
  readonly environment: Environment
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** What to reject with when time runs out, and when `signal` aborts. */
  readonly late: () => Error
  readonly aborted: () => Error
}

/**
 * What `promise` resolves to, unless time runs out or `signal` aborts first: then nothing is known of it, and its late
 * answer is dropped.
 */
export function within<Result>(promise: Promise<Result>, options: WithinOptions): Promise<Result> {
  const { environment, timeoutMs, signal, late, aborted } = options
  return new Promise<Result>((resolve, reject) => {
    const end = (): void => {
      cancel()
      signal.removeEventListener('abort', abort)
    }
    const abort = (): void => {
      end()
      reject(aborted())
    }
    const cancel = environment.timers.after(timeoutMs, () => {
      end()
      reject(late())
    })
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(end)
  })
}
