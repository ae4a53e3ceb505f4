import type { Environment } from './environment.ts'

const longestTimerMs = 2 ** 31 - 1

/** The real clock, timers, ids and randomness of this process; runs in Node and in browsers. */
export const systemEnvironment: Environment = {
  clock: {
    now: () => Date.now(),
    monotonic: () => performance.now(),
  },
  timers: {
    after(delayMs, run) {
      const timer = setTimeout(run, Math.min(Math.max(0, delayMs), longestTimerMs)) as unknown as number & {
        unref?(): void
      }
      timer.unref?.()
      return () => clearTimeout(timer)
    },
    keepAlive() {
      const timer = setInterval(() => undefined, longestTimerMs)
      return () => clearInterval(timer)
    },
  },
  ids: { next: () => crypto.randomUUID() },
  random: { next: () => Math.random() },
}
