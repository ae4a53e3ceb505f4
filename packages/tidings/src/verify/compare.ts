import { systemEnvironment, type Environment } from '../environment/index.ts'
import { differenceOf, type Difference } from './difference.ts'
import { Doubts } from './doubts.ts'
import { byKey, type Row, type Side } from './side.ts'

export interface CompareOptions {
  readonly source: Side
  readonly copy: Side
  /** Told of each difference, once. */
  readonly onDifference: (difference: Difference) => void
  readonly onProgress?: (progress: Progress) => void
  /**
   * How long a difference has to last, with neither row written, before it is one, and not a change under way: 10 s. A
   * key whose rows are never left alone for so long is given up after three times that.
   */
  readonly patienceMs?: number
  readonly environment?: Environment
  /** Ends it early; then it rejects with the reason. */
  readonly signal?: AbortSignal
}

/** How many rows were met on either side, and how many keys are being looked at again. */
export interface Progress {
  readonly source: number
  readonly copy: number
  readonly doubts: number
}

export interface Comparison {
  /** How many rows either side had when it was read. */
  readonly source: number
  readonly copy: number
  readonly differences: number
  /** Keys that were different whenever they were looked at, but written all the time: not judged. */
  readonly changing: number
}

/**
 * Compares a copy with its source, row by row, while both may be written. First every row of the source is looked up in
 * the copy, then every row of the copy in the source, each in pages, so that orders of keys need not agree. What is
 * different is looked at again until it is equal, or has stayed as it was for long enough.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { environment = systemEnvironment } = options
  // A timer between two looks keeps no process.
  const letGo = environment.timers.keepAlive?.()
  try {
    return await compareRows(options, environment)
  } finally {
    letGo?.()
  }
}

async function compareRows(options: CompareOptions, environment: Environment): Promise<Comparison> {
  const { source, copy, signal, patienceMs = 10_000 } = options
  const doubts = new Doubts({ ...options, environment, patienceMs })
  const rows = { source: 0, copy: 0 }
  const counted = async (side: 'source' | 'copy', page: readonly Row[]): Promise<void> => {
    rows[side] += page.length
    options.onProgress?.({ ...rows, doubts: doubts.count })
    if (doubts.isFull) await doubts.settle()
    signal?.throwIfAborted()
  }
  for await (const page of source.pages()) {
    const copies = byKey(await copy.find(keysOf(page)))
    for (const row of page) {
      if (differenceOf(row.key, { source: row, copies: copies.get(row.key) ?? [] })) doubts.add(row.key)
    }
    await counted('source', page)
  }
  for await (const page of copy.pages()) {
    const known = new Set(keysOf(await source.find(keysOf(page))))
    for (const { key } of page) if (!known.has(key)) doubts.add(key)
    await counted('copy', page)
  }
  await doubts.settle()
  return { ...rows, differences: doubts.differences, changing: doubts.changing }
}

function keysOf(rows: readonly Row[]): readonly string[] {
  return rows.map(({ key }) => key)
}
