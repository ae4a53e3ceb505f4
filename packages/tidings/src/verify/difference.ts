import type { Row } from './side.ts'

/** A key whose row in the copy is not the one of the source. */
export interface Difference {
  readonly key: string
  /** The copy lacks the row, has one that the source does not have, or has other values. */
  readonly kind: 'missing-in-copy' | 'only-in-copy' | 'different'
  /** The columns that are different, with the canonical text of either side; absent where a side does not have the column. */
  readonly columns: readonly DifferentColumn[]
  /**
   * How it is known that no change is under way: both rows are in one version, everything that the source had told had
   * arrived, or neither row was written for as long as patience lasts.
   */
  readonly confirmedBy: 'version' | 'arrival' | 'patience'
  /** The versions of the two rows, where they are known. */
  readonly sourceVersion?: string
  readonly copyVersion?: string
}

export interface DifferentColumn {
  readonly column: string
  readonly source?: string
  readonly copy?: string
}

/** What is different, before it is confirmed. */
export type Contradiction = Omit<Difference, 'confirmedBy'>

export interface Present {
  readonly source: Row | undefined
  readonly copies: readonly Row[]
}

/** What is different about a key; `undefined` where nothing is. */
export function differenceOf(key: string, present: Present): Contradiction | undefined {
  const { source, copies } = present
  const [copy, second] = copies
  const versions = {
    ...(source?.version !== undefined && { sourceVersion: source.version }),
    ...(copy?.version !== undefined && { copyVersion: copy.version }),
  }
  if (!source) return copy && { key, kind: 'only-in-copy', columns: [], ...versions }
  if (!copy) return { key, kind: 'missing-in-copy', columns: [], ...versions }
  // Two rows of one key: a number, and the text that spells it.
  if (second) return { key, kind: 'only-in-copy', columns: [], ...versions }
  const columns = differentColumns(source, copy)
  return columns.length === 0 ? undefined : { key, kind: 'different', columns, ...versions }
}

function differentColumns(source: Row, copy: Row): readonly DifferentColumn[] {
  const columns = new Set([...source.values.keys(), ...copy.values.keys()])
  return [...columns].flatMap((column) => {
    const [there, here] = [source.values.get(column), copy.values.get(column)]
    if (there === here) return []
    return [{ column, ...(there !== undefined && { source: there }), ...(here !== undefined && { copy: here }) }]
  })
}
