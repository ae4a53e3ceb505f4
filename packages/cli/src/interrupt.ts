const signals = ['SIGINT', 'SIGTERM'] as const

/**
 * Runs what ends by being interrupted: the first SIGINT or SIGTERM asks it to end in good order, the second one ends the
 * process.
 */
export async function untilInterrupted<Result>(body: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const interrupted = new AbortController()
  const interrupt = (): void => {
    interrupted.abort()
    stopListening()
  }
  const stopListening = (): void => {
    for (const signal of signals) process.removeListener(signal, interrupt)
  }
  for (const signal of signals) process.once(signal, interrupt)
  try {
    return await body(interrupted.signal)
  } finally {
    stopListening()
  }
}

/** Resolves when the signal is there. */
export function interrupted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((finish) => signal.addEventListener('abort', () => finish(), { once: true }))
}
