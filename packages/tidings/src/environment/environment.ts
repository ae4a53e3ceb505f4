/**
 * Everything that makes two runs differ: time, timers, ids and chance. It is injected everywhere, so that
 * a test drives time itself and one seed gives one history.
 */
export interface Environment {
  readonly clock: Clock
  readonly timers: Timers
  readonly ids: Ids
  readonly random: Random
}

export interface Clock {
  /** Wall-clock time in milliseconds since 1970; may jump. */
  now(): number
  /** Milliseconds that only grow, from an unspecified origin; leases run on it. */
  monotonic(): number
}

export interface Timers {
  /** Calls `run` once after `delayMs`; the returned function cancels it. A pending timer keeps no process alive. */
  after(delayMs: number, run: () => void): () => void
  /**
   * Keeps the process alive until the returned function is called: for what was started and has to outlive every
   * connection that it has. Absent where no process ends by itself, as in simulated time.
   */
  keepAlive?(): () => void
}

export interface Ids {
  /** A new globally unique id: letters, digits and `-`. */
  next(): string
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
}

/** Resolves after `delayMs`, or at once when `signal` aborts; it never rejects. */
export function sleep(environment: Environment, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const finish = (): void => {
      cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const cancel = environment.timers.after(delayMs, finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}
