import { canonicalValues, RowHasher } from './canonical.ts'
import { DigestSum, hashText } from './hash.ts'
import { compareKeys, isWithin } from './key-order.ts'
import type { Cut, KeyRange, Part, Row, RowHashes, Side } from './side.ts'
import { stopwatch } from './time-limit.ts'

/** A row as whoever keeps it gives it to a comparison. */
export interface KeyedRow {
  readonly key: string
  /** What the row has in the columns that are compared, its key among them; others are left alone. */
  readonly data: Readonly<Record<string, unknown>>
  /** See `Row.version`. */
  readonly version?: string
  /** See `Row.mark`; the version and what is compared where it is absent. */
  readonly mark?: string
}

/** What a copy that somebody writes by hand has to offer to be compared, such as a view that an event handler keeps. */
export interface RowPages {
  /** The property that is the key, and the others that are compared. */
  readonly key: string
  readonly columns: readonly string[]
  /** The first rows of a range, in the order of the bytes of their keys: `order by key collate "C"`, `collate binary`. */
  page(range: KeyRange, limit: number): Promise<readonly KeyedRow[]>
  /** The rows of these keys. */
  find(keys: readonly string[]): Promise<readonly KeyedRow[]>
}

/** Rows that are read and hashed in this process. */
export interface RowReader extends Pick<RowPages, 'key' | 'columns' | 'find'> {
  /** A key up to which a range has about so many rows; `undefined` where it has no more than that. */
  end(range: KeyRange, rows: number): Promise<string | undefined>
  /** The rows of a range in any order. */
  pages(range: KeyRange): AsyncIterable<readonly KeyedRow[]>
}

const pageRows = 1_000

/** Makes a side of rows that can be read in the order of their keys: they are hashed in this process. */
export function sideOf(pages: RowPages): Side {
  const { key, columns } = pages
  return new RowsSide({
    key,
    columns,
    find: (keys) => pages.find(keys),
    async end(range, rows) {
      const page = await pages.page(range, rows + 1)
      return page.length > rows ? page[rows - 1]!.key : undefined
    },
    async *pages(range) {
      for (let after = range.after; ;) {
        const page = await pages.page({ ...range, ...(after !== undefined && { after }) }, pageRows)
        const last = page.at(-1)
        if (!last) return
        yield page
        after = last.key
      }
    },
  })
}

/** The rows that are in memory, such as those of a replica: `memorySide({ …, rows: () => replica.all() })`. */
export function memorySide(options: {
  readonly key: string
  readonly columns: readonly string[]
  /** All rows, as they are whenever it is called. */
  readonly rows: () =>
    | Promise<Iterable<Readonly<Record<string, unknown>>>>
    | Iterable<Readonly<Record<string, unknown>>>
}): Side {
  const { key, columns, rows } = options
  const keyed = async (): Promise<KeyedRow[]> => [...(await rows())].map((data) => ({ key: String(data[key]), data }))
  const within = async (range: KeyRange): Promise<KeyedRow[]> =>
    (await keyed()).filter((row) => isWithin(row.key, range))
  return new RowsSide({
    key,
    columns,
    async end(range, limit) {
      const found = await within(range)
      if (found.length <= limit) return undefined
      return found.sort((left, right) => compareKeys(left.key, right.key))[limit - 1]!.key
    },
    async *pages(range) {
      yield await within(range)
    },
    async find(keys) {
      const wanted = new Set(keys)
      return (await keyed()).filter((row) => wanted.has(row.key))
    },
  })
}

interface Hashed {
  readonly key: string
  readonly high: number
  readonly low: number
}

export class RowsSide implements Side {
  readonly #reader: RowReader
  readonly #limitMs: number | undefined
  readonly #hasher: RowHasher
  readonly #compared: readonly string[]

  /** A range whose rows are not read within `limitMs` is refused as `range-too-large`. */
  constructor(reader: RowReader, { limitMs }: { readonly limitMs?: number } = {}) {
    this.#reader = reader
    this.#limitMs = limitMs
    this.#hasher = new RowHasher(reader)
    this.#compared = [reader.key, ...reader.columns]
  }

  async digests(range: KeyRange, cut: Cut): Promise<readonly Part[]> {
    if ('ends' in cut) return this.#digestsAt(range, cut.ends)
    const end = (await this.#reader.end(range, cut.rows * cut.parts)) ?? range.upTo
    const within = { ...range, ...(end !== undefined && { upTo: end }) }
    if (cut.parts === 1) return this.#digestsAt(within, [end])
    const rows = await this.#sorted(within)
    const parts: Part[] = []
    const size = Math.max(cut.rows, Math.ceil(rows.length / cut.parts))
    for (let start = 0; start === 0 || start < rows.length; start += size) {
      const part = rows.slice(start, start + size)
      const sum = new DigestSum()
      for (const row of part) sum.add(row)
      const last = start + size >= rows.length ? end : part.at(-1)!.key
      parts.push(partOf(last, sum))
    }
    return parts
  }

  async hashes(range: KeyRange, limit: number): Promise<RowHashes> {
    const end = await this.#reader.end(range, limit)
    const rows = await this.#sorted({ ...range, ...(end !== undefined && { upTo: end }) })
    return {
      rows: rows.map(({ key, high, low }) => ({ key, hash: hashText(high, low) })),
      ...(end !== undefined && { end }),
    }
  }

  async find(keys: readonly string[]): Promise<readonly Row[]> {
    const rows = await this.#reader.find(keys)
    return rows.map(({ key, data, version, mark }) => {
      const values = canonicalValues(data, this.#compared)
      return {
        key,
        values,
        mark: mark ?? JSON.stringify([version, ...values]),
        ...(version !== undefined && { version }),
      }
    })
  }

  async #digestsAt(range: KeyRange, ends: readonly (string | undefined)[]): Promise<readonly Part[]> {
    const sums = ends.map(() => new DigestSum())
    const last = ends.at(-1)
    const within = {
      ...(range.after !== undefined && { after: range.after }),
      ...(last !== undefined && { upTo: last }),
    }
    const check = stopwatch(this.#limitMs)
    for await (const page of this.#reader.pages(within)) {
      check()
      for (const { key, data } of page) sums[placeOf(key, ends)]!.add(this.#hasher.hash(key, data))
    }
    return ends.map((end, place) => partOf(end, sums[place]!))
  }

  async #sorted(range: KeyRange): Promise<readonly Hashed[]> {
    const rows: Hashed[] = []
    const check = stopwatch(this.#limitMs)
    for await (const page of this.#reader.pages(range)) {
      check()
      for (const { key, data } of page) {
        const { high, low } = this.#hasher.hash(key, data)
        rows.push({ key, high, low })
      }
    }
    return rows.sort((left, right) => compareKeys(left.key, right.key))
  }
}

/** In which part a key is: the first one whose end it does not pass. */
function placeOf(key: string, ends: readonly (string | undefined)[]): number {
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    const end = ends[middle]
    if (end === undefined || compareKeys(key, end) <= 0) high = middle
    else low = middle + 1
  }
  return low
}

export function partOf(end: string | undefined, { count, digest }: Pick<Part, 'count' | 'digest'>): Part {
  return { ...(end !== undefined && { end }), count, digest }
}
