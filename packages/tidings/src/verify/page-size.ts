const firstRows = 500
const mostRows = 5_000
const mostCharacters = 4 * 1_048_576

/** How many rows to read at once: as many as fit into memory, by the size of those before. */
export class PageSize {
  #rows = firstRows

  get rows(): number {
    return this.#rows
  }

  adapt(page: readonly object[]): void {
    let characters = 0
    for (const row of page) for (const value of Object.values(row)) characters += sizeOf(value)
    this.#rows = Math.max(1, Math.min(mostRows, Math.floor((mostCharacters * page.length) / (characters + 1))))
  }
}

function sizeOf(value: unknown): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 8
}
