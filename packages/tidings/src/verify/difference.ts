import type { Row } from './side.ts'

/** A key whose row in the copy is not the one of the source. */
export interface Difference {
  readonly key: string
  /** The copy lacks the row, has one that the source does not have, or has other values. */
  readonly kind: 'missing-in-copy' | 'only-in-copy' | 'different'
  /** The columns that are different, with the canonical text of either side; absent where a side does not have the column. */
  readonly columns: readonly DifferentColumn[]
}

export interface DifferentColumn {
  readonly column: string
  readonly source?: string
  readonly copy?: string
}

/** What is different about a key; `undefined` where nothing is. */
export function differenceOf(
  key: string,
  { source, copies }: { readonly source: Row | undefined; readonly copies: readonly Row[] },
): Difference | undefined {
  const [copy, second] = copies
  if (!source) return copy && { key, kind: 'only-in-copy', columns: [] }
  if (!copy) return { key, kind: 'missing-in-copy', columns: [] }
  // Two rows of one key: a number, and the text that spells it.
  if (second) return { key, kind: 'only-in-copy', columns: [] }
  const columns = differentColumns(source, copy)
  return columns.length === 0 ? undefined : { key, kind: 'different', columns }
}

function differentColumns(source: Row, copy: Row): readonly DifferentColumn[] {
  const columns = new Set([...source.values.keys(), ...copy.values.keys()])
  return [...columns].flatMap((column) => {
    const [there, here] = [source.values.get(column), copy.values.get(column)]
    if (there === here) return []
    return [{ column, ...(there !== undefined && { source: there }), ...(here !== undefined && { copy: here }) }]
  })
}
