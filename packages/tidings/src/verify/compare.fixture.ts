import type { SimulatedEnvironment } from '../testing/index.ts'
import { compare, type CompareOptions, type Comparison } from './compare.ts'
import type { Difference } from './difference.ts'
import { compareKeys, isWithin } from './key-order.ts'
import { RowsSide, type KeyedRow } from './rows-side.ts'
import type { KeyRange, Row, Side } from './side.ts'

/** A side in memory, of which a test changes rows while it is compared. */
export class MemorySide implements Side {
  readonly #rows = new Map<string, readonly KeyedRow[]>()
  readonly #side: Side
  #sorted: string[] | undefined
  #writes = 0
  /** Called before each look at single rows. */
  onFind: () => void = () => {}

  constructor(rows: Readonly<Record<string, string>>) {
    for (const [key, name] of Object.entries(rows)) this.write(key, name)
    this.#side = new RowsSide({
      key: 'id',
      columns: ['name'],
      pages: (range) => this.#pages(range),
      end: async (range, limit) => this.#within(range)[limit - 1]?.key,
      find: async (keys) => keys.flatMap((key) => this.#rows.get(key) ?? []),
    })
  }

  /** One row, or several of one key, or with no name none. */
  write(key: string, ...names: readonly string[]): void {
    this.writeVersion(key, undefined, ...names)
  }

  writeVersion(key: string, version: string | undefined, ...names: readonly string[]): void {
    const rows = names.map((name) => ({
      key,
      data: { id: key, name },
      mark: String(++this.#writes),
      ...(version !== undefined && { version }),
    }))
    if (rows.length === 0) this.#rows.delete(key)
    else this.#rows.set(key, rows)
    this.#sorted = undefined
  }

  #within(range: KeyRange): readonly KeyedRow[] {
    this.#sorted ??= [...this.#rows.keys()].sort(compareKeys)
    return this.#sorted.filter((key) => isWithin(key, range)).flatMap((key) => this.#rows.get(key)!)
  }

  async *#pages(range: KeyRange): AsyncGenerator<readonly KeyedRow[]> {
    for (const row of this.#within(range)) yield [row]
  }

  digests: Side['digests'] = (range, cut) => this.#side.digests(range, cut)
  hashes: Side['hashes'] = (range, limit) => this.#side.hashes(range, limit)

  async find(keys: readonly string[]): Promise<readonly Row[]> {
    this.onFind()
    return this.#side.find(keys)
  }
}

export interface Compared extends Comparison {
  readonly found: readonly Difference[]
}

/** Compares in simulated time, with a patience of a second. */
export async function compared(
  environment: SimulatedEnvironment,
  sides: Pick<CompareOptions, 'source' | 'copy'> & Partial<CompareOptions>,
): Promise<Compared> {
  const found: Difference[] = []
  const options = { patienceMs: 1_000, ...sides, environment, onDifference: (each: Difference) => found.push(each) }
  const comparison = compare(options)
  // It may fail before time has passed.
  comparison.catch(() => undefined)
  await environment.advance(60_000)
  return { ...(await comparison), found }
}

/** So many rows, whose keys are ordered as texts are. */
export function manyRows(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [String(at), `name ${at}`]))
}
