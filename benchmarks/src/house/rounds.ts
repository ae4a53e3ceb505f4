/** The middle of several runs, and how far they lie apart. */
export interface Figure {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

/** What several runs of one subject gave, or why there is nothing to say of its speed. */
export type Outcome<Result> = { readonly results: readonly Result[] } | { readonly failure: string }

export type Subjects<Result> = Readonly<Record<string, () => Promise<Result>>>

/** Measured runs after the warm-up. */
export function roundsOf({ isQuick }: { readonly isQuick: boolean }): number {
  return isQuick ? 3 : 5
}

/**
 * One run of each subject to warm up, then `rounds` of each in turn (A B C, A B C, …), so that a noisy neighbour disturbs
 * all of them alike. A subject that fails once is not run again: what lost something has no speed.
 */
export async function inRounds<Result>(
  rounds: number,
  subjects: Subjects<Result>,
  say: (line: string) => void = () => undefined,
): Promise<ReadonlyMap<string, Outcome<Result>>> {
  const results = new Map<string, Result[]>(Object.keys(subjects).map((name) => [name, []]))
  const failures = new Map<string, string>()
  for (let round = 0; round <= rounds; round++) {
    for (const [name, subject] of Object.entries(subjects)) {
      if (failures.has(name)) continue
      say(`${name}, ${round === 0 ? 'warm-up' : `run ${round} of ${rounds}`}`)
      try {
        const result = await subject()
        if (round > 0) results.get(name)!.push(result)
      } catch (error) {
        failures.set(name, error instanceof Error ? error.message : String(error))
        say(`${name} failed: ${failures.get(name)}`)
      }
    }
  }
  return new Map(
    [...results].map(([name, all]) => {
      const failure = failures.get(name)
      return [name, failure === undefined ? { results: all } : { failure }]
    }),
  )
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
