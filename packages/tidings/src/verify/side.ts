/** A row of one side of a comparison. */
export interface Row {
  readonly key: string
  /** The canonical text of each column that is compared; a column that the row does not have is absent. */
  readonly values: ReadonlyMap<string, string>
  /** Another one whenever the row was written. */
  readonly mark: string
  /**
   * The version of the entity in which the row is, where the side knows it: texts that are ordered as versions are, the
   * same on both sides.
   */
  readonly version?: string
}

/** Keys behind `after`, up to and including `upTo`, in the order of their bytes in UTF-8; to either end where absent. */
export interface KeyRange {
  readonly after?: string
  readonly upTo?: string
}

/**
 * How a range is taken apart: into at most so many parts of so many rows each, or at the given keys, each the last of its
 * part. Behind the last key there is no part, unless that is `undefined`, which stands for the end of all keys.
 */
export type Cut = { readonly rows: number; readonly parts: number } | { readonly ends: readonly (string | undefined)[] }

/** A part of a range. */
export interface Part {
  /** Its last key; absent for the end of all keys. */
  readonly end?: string
  readonly count: number
  /** The sum of the hashes of its rows modulo 2^64, as 16 hexadecimal digits. */
  readonly digest: string
}

export interface RowHash {
  readonly key: string
  /** 16 hexadecimal digits; see `RowHasher` for what is hashed. */
  readonly hash: string
}

export interface RowHashes {
  readonly rows: readonly RowHash[]
  /** The hashes up to this key are all there; absent where those of the whole range are. */
  readonly end?: string
}

/**
 * One side of a comparison: the rows of a system of record, or those of a copy of it, with the columns that are compared.
 * Rows that are written meanwhile may be met in either state.
 */
export interface Side {
  /**
   * The digests of consecutive parts of a range, in order, one at least. Parts that were asked for by their number of rows
   * and come to the end of the range: the last one, which may be smaller or empty, ends as the range does. Only the source
   * is asked in that way, and a source is only given keys that it has answered with itself. A side may refuse a range as
   * `range-too-large`, and is asked for a smaller one then.
   */
  digests(range: KeyRange, cut: Cut): Promise<readonly Part[]>
  /** The hashes of about so many first rows of a range, in order; more than one of a key where the side is damaged. */
  hashes(range: KeyRange, limit: number): Promise<RowHashes>
  /** The present rows of these keys, each with its version of the same moment; more than one of a key where the side is damaged. */
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
