/** The middle of several runs, and how far they lie apart. */
export interface Figure {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

/** What several runs of one subject gave, or why there is nothing to say of its speed. */
export type Outcome<Result> = { readonly results: readonly Result[] } | { readonly failure: string }

export type Subjects<Result> = Readonly<Record<string, () => Promise<Result>>>

export interface Rounds {
  readonly measured: number
  /** Whether there is one before them that does not count. */
  readonly isWarmedUp: boolean
}

/** A quick run is content with a third of them, and with the warm-up that each driver makes by itself. */
export function roundsOf({ isQuick }: { readonly isQuick: boolean }, measured = 5): Rounds {
  return isQuick ? { measured: Math.ceil(measured / 3), isWarmedUp: false } : { measured, isWarmedUp: true }
}

/**
 * Runs each subject in turn (A B C, A B C, …), so that a noisy neighbour disturbs all of them alike. A subject that fails
 * once is not run again: what lost something has no speed.
 */
export function inRounds<Result>(
  { measured, isWarmedUp }: Rounds,
  subjects: Subjects<Result>,
  say?: (line: string) => void,
): Promise<Outcomes<Result>> {
  const runs = Array.from({ length: measured }, (_, index) => `run ${index + 1} of ${measured}`)
  return inTurn(subjects, isWarmedUp ? [warmUp, ...runs] : runs, say)
}

/** One run of each without a warm-up, for what takes minutes and is its own warm-up. */
export function inOneRound<Result>(
  subjects: Subjects<Result>,
  say?: (line: string) => void,
): Promise<Outcomes<Result>> {
  return inTurn(subjects, ['the only run'], say)
}

const warmUp = 'warm-up'

export type Outcomes<Result> = ReadonlyMap<string, Outcome<Result>>

async function inTurn<Result>(
  subjects: Subjects<Result>,
  runs: readonly string[],
  say: (line: string) => void = () => undefined,
): Promise<Outcomes<Result>> {
  const outcomes = new Map<string, { results: Result[] } | { failure: string }>()
  for (const name of Object.keys(subjects)) outcomes.set(name, { results: [] })
  for (const run of runs) {
    for (const [name, subject] of Object.entries(subjects)) {
      const outcome = outcomes.get(name)!
      if ('failure' in outcome) continue
      say(`${name}, ${run}`)
      try {
        const result = await subject()
        if (run !== warmUp) outcome.results.push(result)
      } catch (error) {
        const failure = error instanceof Error ? error.message : String(error)
        say(`${name} failed: ${failure}`)
        outcomes.set(name, { failure })
      }
    }
  }
  return outcomes
}

/** Of an even number of values the lower one of the two in the middle, so that it is one that was measured. */
export function figureOf(values: readonly number[]): Figure {
  if (values.length === 0) throw new Error('There is no middle of no values: measure at least one run.')
  const sorted = values.toSorted((left, right) => left - right)
  return { median: sorted[Math.floor((sorted.length - 1) / 2)]!, lowest: sorted[0]!, highest: sorted.at(-1)! }
}

export function figureBy<Result>(results: readonly Result[], of: (result: Result) => number): Figure {
  return figureOf(results.map(of))
}
