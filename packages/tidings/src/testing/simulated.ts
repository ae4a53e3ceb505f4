import type { Environment } from '../environment/index.ts'

/** An environment in which nothing happens by itself: time moves when a test says so, ids and chance come from a seed. */
export interface SimulatedEnvironment extends Environment {
  /** Moves time on by `milliseconds`, running each timer that comes due at its own time and everything that follows from it. */
  advance(milliseconds: number): Promise<void>
  /** Moves the wall clock alone, as when somebody sets it: leases must not notice. */
  jump(milliseconds: number): void
}

interface Timer {
  readonly dueAt: number
  readonly order: number
  readonly run: () => void
}

/**
 * One seed gives one history. Wall-clock time begins at 2030-01-01T00:00:00Z. Before time moves on everything that can run
 * in this process has run; `settle` waits for what runs elsewhere, such as a database at the other end of a connection.
 */
export function simulatedEnvironment(seed = 1, settle = quiet): SimulatedEnvironment {
  let elapsedMs = 0
  let wallMs = Date.UTC(2030, 0, 1)
  let order = 0
  let ids = 0
  const timers = new Set<Timer>()
  const random = mulberry32(seed)

  const earliest = (until: number): Timer | undefined => {
    let best: Timer | undefined
    for (const timer of timers) {
      if (timer.dueAt > until) continue
      if (!best || timer.dueAt < best.dueAt || (timer.dueAt === best.dueAt && timer.order < best.order)) best = timer
    }
    return best
  }
  const moveTo = (at: number): void => {
    wallMs += Math.max(0, at - elapsedMs)
    elapsedMs = Math.max(elapsedMs, at)
  }

  return {
    clock: { now: () => wallMs, monotonic: () => elapsedMs },
    timers: {
      after(delayMs, run) {
        const timer: Timer = { dueAt: elapsedMs + Math.max(0, delayMs), order: order++, run }
        timers.add(timer)
        return () => timers.delete(timer)
      },
    },
    ids: { next: () => `${seed}-${++ids}` },
    random: { next: random },
    async advance(milliseconds) {
      const until = elapsedMs + milliseconds
      await settle()
      for (let timer = earliest(until); timer; timer = earliest(until)) {
        timers.delete(timer)
        moveTo(timer.dueAt)
        timer.run()
        await settle()
      }
      moveTo(until)
    },
    jump(milliseconds) {
      wallMs += milliseconds
    },
  }
}

/** Lets everything that is runnable run, input and output included. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 16; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A small generator of uniform numbers in [0, 1): Mulberry32 (Tommy Ettinger, public domain). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
