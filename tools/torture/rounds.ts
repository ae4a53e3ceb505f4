import { firstSeed, tortureMs } from './minutes.ts'

/** What one round did. */
export interface RoundFigures {
  /** Summed over the rounds. */
  readonly counts: Readonly<Record<string, number>>
  /** Milliseconds; of all rounds together the median, the 99th percentile and the longest are printed. */
  readonly timesMs?: Readonly<Record<string, readonly number[]>>
  /** The highest of all rounds is printed. */
  readonly peaks?: Readonly<Record<string, number>>
}

/**
 * Plays rounds of one torture, each with the next seed, until its time is over, and prints what they did. A round that
 * finds something rejects: the error says its seed, and how to play it again. The short form of a torture among the
 * ordinary tests calls the same round with a smaller size.
 */
export async function playRounds(name: string, play: (seed: number) => Promise<RoundFigures>): Promise<void> {
  const until = performance.now() + tortureMs()
  const first = firstSeed()
  const rounds: RoundFigures[] = []
  for (let seed = first; rounds.length === 0 || performance.now() < until; seed++) {
    try {
      rounds.push(await play(seed))
    } catch (error) {
      const again = `npm run torture -- --seed ${seed} <a word of the file's name>`
      const message = `${name}: seed ${seed}, after ${rounds.length} rounds: ${(error as Error).message} (again: ${again})`
      throw new Error(message, { cause: error })
    }
  }
  console.log(`${name}: rounds ${rounds.length}, seeds from ${first}: ${summaryOf(rounds)}`)
}

function summaryOf(rounds: readonly RoundFigures[]): string {
  const counts = new Map<string, number>()
  const times = new Map<string, number[]>()
  const peaks = new Map<string, number>()
  for (const round of rounds) {
    for (const [what, count] of Object.entries(round.counts)) counts.set(what, (counts.get(what) ?? 0) + count)
    for (const [what, some] of Object.entries(round.timesMs ?? {}))
      times.set(what, [...(times.get(what) ?? []), ...some])
    for (const [what, peak] of Object.entries(round.peaks ?? {})) peaks.set(what, Math.max(peaks.get(what) ?? 0, peak))
  }
  return [
    ...[...counts].map(([what, count]) => `${what} ${count}`),
    ...[...times].map(([what, all]) => `${what} ${quantilesOf(all)}`),
    ...[...peaks].map(([what, peak]) => `${what} ${peak}`),
  ].join(', ')
}

function quantilesOf(times: readonly number[]): string {
  const sorted = times.toSorted((left, right) => left - right)
  const at = (share: number): string => (sorted[Math.ceil(sorted.length * share) - 1] ?? 0).toFixed(1)
  return `(${sorted.length}) p50 ${at(0.5)} ms p99 ${at(0.99)} ms max ${at(1)} ms`
}
