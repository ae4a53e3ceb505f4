/** What many calls took. */
export interface Measured {
  /** Of each call, in milliseconds. */
  readonly latencies: number[]
  readonly seconds: number
}

/** One call after the other in so many lanes, as fast as it goes. */
export async function inLanes(
  run: { readonly lanes: number; readonly seconds: number },
  work: (number: number) => Promise<void>,
): Promise<Measured> {
  const latencies: number[] = []
  const start = performance.now()
  const end = start + run.seconds * 1_000
  let number = 0
  await Promise.all(
    Array.from({ length: run.lanes }, async () => {
      while (performance.now() < end) {
        const before = performance.now()
        await work(number++)
        latencies.push(performance.now() - before)
      }
    }),
  )
  return { latencies, seconds: (performance.now() - start) / 1_000 }
}

/** At a rate, whether or not the calls before have ended; each counts from the moment at which it was to begin. */
export async function openLoop(
  run: { readonly perSecond: number; readonly seconds: number },
  work: (number: number) => Promise<void>,
): Promise<Measured> {
  const latencies: number[] = []
  const running: Promise<void>[] = []
  const start = performance.now()
  const all = run.perSecond * run.seconds
  const dueAt = (number: number): number => start + (number * 1_000) / run.perSecond
  for (let begun = 0; begun < all; await new Promise((resolve) => setTimeout(resolve, 1))) {
    for (; begun < all && dueAt(begun) <= performance.now(); begun++) {
      const due = dueAt(begun)
      running.push(work(begun).then(() => void latencies.push(performance.now() - due)))
    }
  }
  await Promise.all(running)
  return { latencies, seconds: (performance.now() - start) / 1_000 }
}

export function percentile(latencies: readonly number[], share: number): number {
  const sorted = latencies.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Resolves once it is so; looks every 20 ms. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20))
}
