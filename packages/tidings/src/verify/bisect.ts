import { compareKeys } from './key-order.ts'
import type { Cut, KeyRange, Part, RowHash, Side } from './side.ts'
import { isRangeTooLarge } from './time-limit.ts'
import { allOf, Turns } from './turns.ts'

type RowsCut = Extract<Cut, { readonly rows: number }>

/** A range is taken apart into parts of so many rows, or into as many parts as may be. */
const fewRows = 256
const mostParts = 256
const hashesAtOnce = 1_000
/** So many ranges are looked into at once: most of the time goes by until an answer comes. */
const rangesAtOnce = 8

/** Finds the keys of a range whose rows are different, or are on one side only. */
export class Bisection {
  readonly #source: Side
  readonly #copy: Side
  readonly #onDoubt: (key: string) => void
  readonly #signal: AbortSignal | undefined
  readonly #turns = new Turns(rangesAtOnce)
  /** How many rows of the source were hashed one by one. */
  crossed = 0

  constructor(options: {
    readonly source: Side
    readonly copy: Side
    readonly onDoubt: (key: string) => void
    readonly signal?: AbortSignal
  }) {
    this.#source = options.source
    this.#copy = options.copy
    this.#onDoubt = options.onDoubt
    this.#signal = options.signal
  }

  /** What the copy has in a range that the source has answered for. */
  async digest(range: KeyRange): Promise<Part> {
    const [part] = await this.#copy.digests(after(range), { ends: [range.upTo] })
    return part!
  }

  async compare(range: KeyRange, source: Part, copy: Part): Promise<void> {
    if (isDifferent(source, copy)) await this.#takeApart(range, source, copy)
  }

  async #takeApart(range: KeyRange, { count }: Part, copy: Part): Promise<void> {
    this.#signal?.throwIfAborted()
    // To take fewer apart is not worth a question.
    if (Math.min(count, copy.count) <= 2 * fewRows) return this.#compareRows(range)
    const wanted = Math.min(mostParts, Math.ceil(count / fewRows))
    let cut: RowsCut = { rows: Math.ceil(count / wanted), parts: wanted }
    // The source may have more rows by now than there are in so many parts.
    for (let rest = range; ;) {
      const [parts, smaller] = await this.#sourceParts(rest, cut)
      cut = smaller
      const last = parts.at(-1)!.end
      // It has fewer.
      if (parts.length === 1 && rest === range && last === range.upTo) return this.#compareRows(range)
      await this.#compareParts(rest, parts)
      if (last === range.upTo) return
      rest = { ...range, ...(last !== undefined && { after: last }) }
    }
  }

  /** The source's parts of the beginning of a range, of half as much until it can give them in time; and how they were cut. */
  async #sourceParts(range: KeyRange, cut: RowsCut): Promise<readonly [readonly Part[], RowsCut]> {
    try {
      return [await this.#turns.take(() => this.#source.digests(range, cut)), cut]
    } catch (error) {
      const rows = Math.ceil((cut.rows * cut.parts) / 2)
      if (!isRangeTooLarge(error) || rows <= fewRows) throw error
      return this.#sourceParts(range, { rows, parts: 1 })
    }
  }

  async #compareParts(range: KeyRange, parts: readonly Part[]): Promise<void> {
    const ends = parts.map(({ end }) => end)
    const copies = await this.#turns.take(() => this.#copy.digests(after(range), { ends }))
    const compared: Promise<void>[] = []
    let from = range.after
    for (const [place, part] of parts.entries()) {
      const within = { ...(from !== undefined && { after: from }), ...(part.end !== undefined && { upTo: part.end }) }
      compared.push(this.compare(within, part, copies[place]!))
      from = part.end
    }
    await allOf(compared)
  }

  /** A page of either side after the other; what only one of them has shows in the same way. */
  async #compareRows(range: KeyRange): Promise<void> {
    for (let rest = range; ;) {
      this.#signal?.throwIfAborted()
      const { source, copy } = await this.#turns.take(async () => ({
        source: await this.#source.hashes(rest, hashesAtOnce),
        copy: await this.#copy.hashes(rest, hashesAtOnce),
      }))
      const end = earlier(source.end, copy.end)
      const reached = ({ key }: RowHash): boolean => end === undefined || compareKeys(key, end) <= 0
      const rows = source.rows.filter(reached)
      this.crossed += source.rows.length
      for (const key of different(rows, copy.rows.filter(reached))) this.#onDoubt(key)
      if (end === undefined) return
      rest = { ...range, after: end }
    }
  }
}

function after({ after: from }: KeyRange): KeyRange {
  return from === undefined ? {} : { after: from }
}

function isDifferent(one: Part, other: Part): boolean {
  return one.count !== other.count || one.digest !== other.digest
}

function earlier(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return compareKeys(one, other) <= 0 ? one : other
}

/** The keys whose rows are not one on either side with equal hashes. */
function different(source: readonly RowHash[], copy: readonly RowHash[]): readonly string[] {
  const hashes = new Map<string, string[]>()
  for (const { key, hash } of copy) hashes.set(key, [...(hashes.get(key) ?? []), hash])
  const keys = source.flatMap(({ key, hash }) => {
    const copies = hashes.get(key)
    hashes.delete(key)
    return copies?.length === 1 && copies[0] === hash ? [] : [key]
  })
  return [...keys, ...hashes.keys()]
}
