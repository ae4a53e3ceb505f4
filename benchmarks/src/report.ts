export interface Rate {
  readonly perSecond: number
  readonly cpuSecondsPerMillion?: number
}

export interface Result {
  readonly name: string
  readonly median: number
  readonly lowest: number
  readonly highest: number
  readonly cpuSecondsPerMillion?: number
}

export interface Row extends Result {
  /** Of the limit that the table is about. */
  readonly share: number
}

/** Adds to each result its share of the one whose name begins with `limit`. */
export function sharesOf(limit: string, results: readonly Result[]): readonly Row[] {
  const { median } = results.find(({ name }) => name.startsWith(limit))!
  return results.map((result) => ({ ...result, share: result.median / median }))
}

/** One run of each to warm up, then `runs` of each in turn. */
export async function measure(
  runs: number,
  subjects: Readonly<Record<string, () => Promise<Rate>>>,
): Promise<readonly Result[]> {
  const rates = new Map<string, Rate[]>()
  for (let run = 0; run <= runs; run++) {
    for (const [name, subject] of Object.entries(subjects)) {
      const rate = await subject()
      if (run > 0) rates.set(name, [...(rates.get(name) ?? []), rate])
    }
  }
  return [...rates].map(([name, measured]) => resultOf(name, measured))
}

function resultOf(name: string, rates: readonly Rate[]): Result {
  const perSecond = rates.map((rate) => rate.perSecond).toSorted((left, right) => left - right)
  const cpu = rates
    .flatMap(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion ?? [])
    .toSorted((left, right) => left - right)
  const cpuSecondsPerMillion = cpu[Math.floor(cpu.length / 2)]
  return {
    name,
    median: perSecond[Math.floor(perSecond.length / 2)]!,
    lowest: perSecond[0]!,
    highest: perSecond.at(-1)!,
    ...(cpuSecondsPerMillion !== undefined && { cpuSecondsPerMillion }),
  }
}

export function printTable(rows: readonly Row[], limit: string): void {
  const header = ['', 'per second', 'range', `of ${limit}`, 'CPU s per million']
  const cells = rows.map(({ name, median, lowest, highest, share, cpuSecondsPerMillion: cpu }) => [
    name,
    format(median),
    `${format(lowest)} – ${format(highest)}`,
    `${(share * 100).toFixed(1)} %`,
    cpu === undefined ? '' : cpu.toFixed(1),
  ])
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)))
  for (const row of [header, ...cells]) {
    const padded = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    )
    console.log(padded.join('  '))
  }
}

function format(value: number): string {
  return Math.round(value).toLocaleString('en')
}
