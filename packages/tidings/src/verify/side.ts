/** A row of one side of a comparison. */
export interface Row {
  readonly key: string
  /** The canonical text of each column that is compared; a column that the row does not have is absent. */
  readonly values: ReadonlyMap<string, string>
  /** Another one whenever the row was written. */
  readonly mark: string
}

/** One side of a comparison: the rows of a system of record, or those of a copy of it. */
export interface Side {
  /**
   * Every row once, in an order of the side's own, a page at a time, so that they never are in memory all at once. Rows
   * that are written meanwhile may be met in either state, or missed where their key changes.
   */
  pages(): AsyncIterable<readonly Row[]>
  /** The present rows of these keys; more than one of a key where the side is damaged. */
  find(keys: readonly string[]): Promise<readonly Row[]>
}

export function byKey(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const found = new Map<string, Row[]>()
  for (const row of rows) {
    const others = found.get(row.key)
    if (others) others.push(row)
    else found.set(row.key, [row])
  }
  return found
}

const firstRows = 100
const mostRows = 1_000
const mostCharacters = 4 * 1_048_576

/** How many rows to read at once: as many as fit into memory, by the size of those before. */
export class PageSize {
  #rows = firstRows

  get rows(): number {
    return this.#rows
  }

  adapt(page: readonly Row[]): void {
    const characters = page.reduce((sum, { values }) => sum + [...values.values()].join('').length, 0)
    this.#rows = Math.max(1, Math.min(mostRows, Math.floor((mostCharacters * page.length) / (characters + 1))))
  }
}
